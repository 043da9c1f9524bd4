//! The rights that a key, a user or a team may hold.

/// Declares the rights with the group and the flag that spell each in a permissions object.
macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $group:literal . $flag:literal,)*) => {
        /// One right. Rights that only guard parts of the API that this server does not have are kept with the
        /// permissions, but are none of these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Right {
            $($(#[$doc])* $name,)*
        }

        impl Right {
            /// All rights.
            pub const ALL: &'static [Right] = &[$(Right::$name,)*];

            /// The group of the permissions object that holds the right.
            pub fn group(self) -> &'static str {
                match self { $(Self::$name => $group,)* }
            }

            /// The flag within its group.
            pub fn flag(self) -> &'static str {
                match self { $(Self::$name => $flag,)* }
            }
        }
    };
}

rights! {
    /// See zones and records, as far as the lists of zones and records allow.
    ViewZones = "dns"."view_zones",
    /// Make, change and remove zones and records.
    ManageZones = "dns"."manage_zones",
    /// Make, change and remove data sources.
    ManageDatasources = "data"."manage_datasources",
    /// Make, change and remove feeds.
    ManageDatafeeds = "data"."manage_datafeeds",
    /// Give feeds their values.
    PushToDatafeeds = "data"."push_to_datafeeds",
    /// See and change the settings of the account.
    ManageAccountSettings = "account"."manage_account_settings",
    /// See, make, change and remove teams.
    ManageTeams = "account"."manage_teams",
    /// See, make, change and remove users.
    ManageUsers = "account"."manage_users",
    /// See, make, change and remove API keys.
    ManageApikeys = "account"."manage_apikeys",
    /// See, make, change and remove the lists of addresses that the account may be used from.
    ManageIpWhitelist = "account"."manage_ip_whitelist",
    /// Read the activity log.
    ViewActivityLog = "account"."view_activity_log",
    /// See payment methods.
    ManagePaymentMethods = "account"."manage_payment_methods",
    /// See and change the plan.
    ManagePlan = "account"."manage_plan",
    /// Read invoices and usage.
    ViewInvoices = "account"."view_invoices",
    /// Make, change and remove monitoring jobs.
    ManageJobs = "monitoring"."manage_jobs",
    /// See monitoring jobs.
    ViewJobs = "monitoring"."view_jobs",
}

impl Right {
    /// The right in a set of bits.
    pub(super) fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

impl std::fmt::Display for Right {
    /// As the permissions object spells it: `dns.view_zones`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.group(), self.flag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_has_a_bit_and_a_name_of_its_own() {
        assert!(Right::ALL.len() <= 32);
        let mut names: Vec<String> = Right::ALL.iter().map(Right::to_string).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Right::ALL.len());
        let all = Right::ALL.iter().fold(0, |bits, right| bits | right.bit());
        assert_eq!(all.count_ones() as usize, Right::ALL.len());
    }
}
