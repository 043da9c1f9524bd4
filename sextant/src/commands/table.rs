//! Aligned columns of text.

use serde_json::Value;

/// Rows of cells, printed as wide as their widest cell, two blanks apart, behind an indent.
#[derive(Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as lines.
    pub fn print(&self, indent: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            text.push_str(&" ".repeat(indent));
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// A value without the quotes of a text; what could confuse a terminal is escaped.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.chars().any(char::is_control) => text.escape_debug().to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The fields of an answer in one line; long ones are cut.
pub fn fields(answer: &Value) -> String {
    const LONGEST: usize = 48;
    let fields: Vec<String> = answer.as_array().into_iter().flatten().map(plain).collect();
    let text = fields.join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::default();
        table.row(["A", "LONG TITLE", "C"].map(str::to_owned).into());
        table.row(vec!["wide".into(), "ü".into(), "end".into()]);
        assert_eq!(table.print(2), "  A     LONG TITLE  C\n  wide  ü           end\n");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_long_answers_are_cut() {
        assert_eq!(fields(&json!([10, "a\u{1b}[2Jb"])), "10 a\\u{1b}[2Jb");
        assert_eq!(fields(&json!(["x".repeat(100)])).chars().count(), 49);
    }
}
