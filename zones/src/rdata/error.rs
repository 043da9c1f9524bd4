//! What can be wrong with record data.

use thiserror::Error;

use crate::{NameError, RecordType};

/// Why fields, text or octets are not the record data of a type.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum RdataError {
    /// The list or line ends before a field.
    #[error("{rtype} needs {layout}: {missing} is missing")]
    Missing {
        /// The type that was being read.
        rtype: RecordType,
        /// All of its fields, as a list in words.
        layout: String,
        /// The first field that is not there.
        missing: &'static str,
    },
    /// The list or line goes on after the last field.
    #[error("{rtype} needs {layout}: there is more than that, from {extra:?}")]
    Extra {
        /// The type that was being read.
        rtype: RecordType,
        /// All of its fields, as a list in words.
        layout: String,
        /// The first element that has no field.
        extra: String,
    },
    /// A field does not hold what it must.
    #[error("{field}: {problem}")]
    Field {
        /// The field's name in its RFC.
        field: &'static str,
        /// What is wrong with it.
        problem: Problem,
    },
    /// More than 65535 octets, the most a record can carry (RFC 1035, 3.2.1).
    #[error("the data takes {octets} octets of at most 65535")]
    TooLong {
        /// What it would take.
        octets: usize,
    },
    /// A type that is only asked for or only signals something.
    #[error("{rtype} is not a type that a zone can hold")]
    Meta {
        /// The type.
        rtype: RecordType,
    },
    /// A type without a field list of its own, given other than in the generic form.
    #[error("{rtype} has no presentation of its own; write it as \\# LENGTH HEX (RFC 3597)")]
    NoPresentation {
        /// The type.
        rtype: RecordType,
    },
    /// Wire form that ends within a field.
    #[error("the data ends within {field}")]
    Truncated {
        /// The field.
        field: &'static str,
    },
    /// Wire form with octets after the last field.
    #[error("{octets} octets follow the last field of {rtype}")]
    Trailing {
        /// The type.
        rtype: RecordType,
        /// How many.
        octets: usize,
    },
}

/// What is wrong with one field.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Problem {
    /// Not what the field takes; the text says what it takes.
    #[error("{found:?} is not {expected}")]
    Unexpected {
        /// What came, shortened when it is long.
        found: String,
        /// What is allowed, as a noun.
        expected: &'static str,
    },
    /// A number past its range, or not a whole number.
    #[error("{found:?} is not a whole number from 0 to {maximum}")]
    Number {
        /// What came, shortened when it is long.
        found: String,
        /// The largest allowed.
        maximum: u64,
    },
    /// A JSON value that is neither text nor a number.
    #[error("{found} where text or a number is needed")]
    Json {
        /// The JSON type that came.
        found: &'static str,
    },
    /// Not a domain name.
    #[error("{found:?} is not a domain name: {reason}")]
    Name {
        /// What came, shortened when it is long.
        found: String,
        /// Why.
        reason: NameError,
    },
    /// Longer than a length field can say.
    #[error("{octets} octets, at most {maximum} are allowed")]
    Length {
        /// What it would take.
        octets: usize,
        /// The most allowed.
        maximum: usize,
    },
    /// Two fields, or two parts of one, that do not go together; the text says how they must.
    #[error("{0}")]
    Rule(&'static str),
}
