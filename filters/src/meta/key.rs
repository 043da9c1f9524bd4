//! The metadata keys and what the API says about each.

use std::fmt;

macro_rules! meta_keys {
    ($($variant:ident, $name:literal, $category:literal, $short:literal, $long:literal;)*) => {
        /// A metadata key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum MetaKey {
            $(#[doc = $short] $variant,)*
        }

        impl MetaKey {
            /// Every key, in the order in which the API lists them.
            pub const ALL: &'static [MetaKey] = &[$(MetaKey::$variant,)*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(MetaKey::$variant => $name,)* }
            }

            /// The group under which the API lists the key.
            pub const fn category(self) -> &'static str {
                match self { $(MetaKey::$variant => $category,)* }
            }

            /// A few words for a heading.
            pub const fn short_description(self) -> &'static str {
                match self { $(MetaKey::$variant => $short,)* }
            }

            /// A description in HTML.
            pub const fn description(self) -> &'static str {
                match self { $(MetaKey::$variant => $long,)* }
            }
        }
    };
}

meta_keys! {
    Up, "up", "status", "Up/down",
        "Whether the target of the answer is up: <code>true</code> or <code>false</code>.";
    Connections, "connections", "status", "Connections",
        "The number of open connections, a whole number from 0 to 2<sup>32</sup>.";
    Requests, "requests", "status", "Requests",
        "The number of requests in some unit of time, a whole number from 0 to 2<sup>32</sup>.";
    Loadavg, "loadavg", "status", "Load average",
        "The load average of the target, a decimal of at least 0.";
    Pulsar, "pulsar", "status", "Pulsar jobs",
        "A list of objects that each name a measuring job with <code>job_id</code>, and may set \
         <code>granularities</code>, <code>bias</code> and <code>a5m_cutoff</code>.";
    Latitude, "latitude", "geographical", "Latitude",
        "Degrees north of the equator, a decimal from -90 to 90.";
    Longitude, "longitude", "geographical", "Longitude",
        "Degrees east of Greenwich, a decimal from -180 to 180.";
    Georegion, "georegion", "geographical", "Geographic region",
        "One or several of <code>US-EAST</code>, <code>US-CENTRAL</code>, <code>US-WEST</code>, \
         <code>EUROPE</code>, <code>ASIAPAC</code>, <code>SOUTH-AMERICA</code> and <code>AFRICA</code>.";
    Country, "country", "geographical", "Country",
        "One or several two-letter country codes of ISO 3166-1.";
    UsState, "us_state", "geographical", "US state",
        "One or several two-letter codes of states of the USA.";
    CaProvince, "ca_province", "geographical", "Canadian province",
        "One or several two-letter codes of provinces of Canada.";
    Subdivisions, "subdivisions", "geographical", "Subdivisions",
        "An object from country code to a list of ISO 3166-2 subdivision codes without the country, for \
         example <code>{\"BR\":[\"SP\",\"SC\"]}</code>.";
    Asn, "asn", "network", "AS numbers",
        "One or several numbers of autonomous systems.";
    IpPrefixes, "ip_prefixes", "network", "IP prefixes",
        "One or several IPv4 or IPv6 prefixes in CIDR notation.";
    Priority, "priority", "traffic_parameters", "Priority",
        "A whole number of at least 0; the lower it is, the more the answer is preferred.";
    Weight, "weight", "traffic_parameters", "Weight",
        "A decimal of at least 0; the share of an answer is its weight over the sum of the weights.";
    Cost, "cost", "traffic_parameters", "Cost",
        "A decimal of at least 0; the lower it is, the more the answer is preferred.";
    LowWatermark, "low_watermark", "traffic_parameters", "Low watermark",
        "The load up to which no traffic is shed, a decimal of at least 0.";
    HighWatermark, "high_watermark", "traffic_parameters", "High watermark",
        "The load from which on all traffic is shed, a decimal of at least 0.";
    Note, "note", "informational", "Note",
        "A text of up to 256 characters; no filter reads it.";
    AdditionalMetadata, "additional_metadata", "informational", "Additional metadata",
        "A list that holds one object of names and texts.";
}

impl MetaKey {
    /// How many keys there are.
    pub(crate) const COUNT: usize = Self::ALL.len();

    /// Finds a key by its name, or by one of the spellings that clients also use.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "loadAvg" => Some(Self::Loadavg),
            "subdivision" => Some(Self::Subdivisions),
            _ => Self::ALL.iter().copied().find(|key| key.name() == name),
        }
    }
}

impl fmt::Display for MetaKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl serde::Serialize for MetaKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
