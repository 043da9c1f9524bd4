//! Every path the API serves, and honest words for those it does not serve yet.
