//! Points in time as some fields of the API spell them.

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// Unix time as `2026-06-01T00:00:00Z` (RFC 3339).
pub fn rfc3339(unix_s: u64) -> String {
    let (days, seconds) = (unix_s / DAY_S, unix_s % DAY_S);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Unix time of `2026-06-01`, `2026-06-01T12:30:00Z` or the same with an offset such as `+02:00`; fractions of a
/// second are dropped. `None` for anything else and for times before 1970.
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (date, clock),
        None => (text, "00:00:00Z"),
    };
    let [year, month, day] = numbers(date, '-')?;
    let is_date = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && civil(days_of(year, month, day)) == (year, month, day);
    let (clock, offset_s) = match clock.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, 0),
        None => {
            let (clock, offset) = clock.split_at_checked(clock.rfind(['+', '-'])?)?;
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
            let is_offset = (0..24).contains(&hours) && (0..60).contains(&minutes);
            let ahead_s = is_offset.then_some(hours * 3600 + minutes * 60)?;
            (clock, if offset.starts_with('-') { -ahead_s } else { ahead_s })
        }
    };
    let clock = clock.split_once('.').map_or(clock, |(clock, _)| clock);
    let [hour, minute, second] = numbers(clock, ':')?;
    let is_clock = hour < 24 && minute < 60 && second <= 60;
    (is_date && is_clock).then_some(())?;
    let local_s = days_of(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second;
    local_s.checked_add_signed(-offset_s)
}

/// Three numbers between separators.
fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let part = |part: &str| {
        let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    text.split(separator).map(part).collect::<Option<Vec<u64>>>()?.try_into().ok()
}

/// Days since 1970 of a date in the Gregorian calendar from 1970 on.
fn days_of(year: u64, month: u64, day: u64) -> u64 {
    // Years begin in March here, so that the leap day is the last.
    let shifted = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468
}

/// Year, month and day of a number of days since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_go_both_ways() {
        for (unix_s, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_780_272_000, "2026-06-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(unix_s), text);
            assert_eq!(parse_rfc3339(text), Some(unix_s));
        }
    }

    #[test]
    fn dates_offsets_and_fractions_are_read_and_the_rest_refused() {
        assert_eq!(parse_rfc3339("2026-06-01"), Some(1_780_272_000));
        assert_eq!(parse_rfc3339("2026-06-01T02:00:00.5+02:00"), Some(1_780_272_000));
        assert_eq!(parse_rfc3339("2026-05-31T22:30:00-01:30"), Some(1_780_272_000));
        for text in [
            "",
            "x",
            "2026-02-30",
            "2026-13-01",
            "2026-06-01T25:00:00Z",
            "2026-06-01T00:00:00",
            "1969-12-31",
            "2026-06-01T00:00:00+99:00",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
