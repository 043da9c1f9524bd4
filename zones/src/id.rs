//! Identifiers of zones and records: twelve octets, written as 24 hex digits.

use filters::object_identifier;

object_identifier!(RecordId, "a record");
object_identifier!(ZoneId, "a zone");

#[cfg(test)]
mod tests {
    use super::*;
    use filters::IdError;

    #[test]
    fn an_identifier_prints_as_it_was_read_in_lower_case() {
        let id = RecordId::parse("5E81fd108fdbc30d0806422E").unwrap();
        assert_eq!(id.to_string(), "5e81fd108fdbc30d0806422e");
        assert_eq!(serde_json::from_str::<RecordId>("\"5e81fd108fdbc30d0806422e\"").unwrap(), id);
        for text in ["", "5e81fd108fdbc30d0806422", "5e81fd108fdbc30d0806422e0", "5e81fd108fdbc30d0806422g"] {
            assert_eq!(text.parse::<ZoneId>(), Err(IdError), "{text}");
        }
    }
}
