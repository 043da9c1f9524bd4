//! Days of the calendar.

/// Seconds of a day without leap seconds, as Unix time counts.
const DAY_S: u64 = 24 * 60 * 60;

/// The last day that is written with four digits of year, 9999-12-31, as a day of Unix time.
const LAST_DAY: u64 = 2_932_896;

/// The UTC day of a moment in Unix time as `YYYY-MM-DD`; `None` past the year 9999.
pub(crate) fn day(unix_s: u64) -> Option<String> {
    let day = unix_s / DAY_S;
    if day > LAST_DAY {
        return None;
    }
    // Years that begin in March have the leap day at their end, and 400 of them always have 146,097 days.
    let day = day + 719_468; // since 0000-03-01
    let era = day / 146_097;
    let day_of_era = day % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    Some(format!("{year:04}-{month:02}-{day_of_month:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_calendar_dates() {
        for (day_number, date) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (789, "1972-02-29"),
            (11_016, "2000-02-29"),
            (20_609, "2026-06-05"),
            (20_818, "2026-12-31"),
            (LAST_DAY, "9999-12-31"),
        ] {
            assert_eq!(day(day_number * DAY_S).as_deref(), Some(date));
            assert_eq!(day(day_number * DAY_S + DAY_S - 1).as_deref(), Some(date));
        }
    }

    #[test]
    fn dates_past_the_year_9999_are_not_written() {
        assert_eq!(day((LAST_DAY + 1) * DAY_S), None);
        assert_eq!(day(u64::MAX), None);
    }
}
