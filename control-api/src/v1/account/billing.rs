//! Plan, bill and invoices of a server that costs nothing: the shapes are the documented ones, the counts of records
//! are real, and every amount is zero. No payment is taken, so no card is ever asked for or kept.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json as value};

use super::Reply;
use super::usage::queries_of_month;
use crate::ApiState;
use crate::dto::fields;
use crate::error::ApiError;
use crate::http::{JsonObject, json};
use crate::service::Service;
use crate::time;

/// The only plan there is.
const PLAN: &str = "self-hosted";
/// How often it would be paid for.
const PERIOD: &str = "monthly";
/// What the plan includes of anything: as many as a JSON reader can count.
pub(super) const UNLIMITED: u64 = (1 << 53) - 1;

/// The classes that queries and records are counted in.
const CLASSES: [&str; 3] = ["static", "dynamic", "intelligent"];

fn by_class(of_class: impl Fn() -> Value) -> Value {
    CLASSES.iter().map(|class| ((*class).to_owned(), of_class())).collect::<Map<_, _>>().into()
}

fn plan_type() -> Map<String, Value> {
    let included = value!({ "queries": UNLIMITED, "records": UNLIMITED });
    let plan = value!({
        "type": PLAN,
        "period": PERIOD,
        "monthly_price": "0.00",
        "discount": "0.00",
        "discount_type": "percentage",
        "recurring_cost": "0.00",
        "overage_order": "ascending",
        "included": { "any": included },
        "overages": by_class(|| value!({ "queries": "0.00", "records": "0.00" })),
        "access_charges": by_class(|| "0.00".into()),
        "monitoring": { "jobs": 0, "frequency": 0, "regions": 0 },
    });
    match plan {
        Value::Object(plan) => plan,
        _ => Map::new(),
    }
}

fn plan() -> Map<String, Value> {
    let mut plan = plan_type();
    plan.insert("locked".to_owned(), false.into());
    plan.insert("balance".to_owned(), "0.00".into());
    plan
}

/// `GET /v1/account/plantypes`: the one plan there is.
#[utoipa::path(
    get, path = "/v1/account/plantypes",
    responses((status = 200, description = "The plans", body = ref("#/components/schemas/PlanList"))),
)]
pub async fn plan_types() -> Response<Body> {
    json(&[plan_type()])
}

/// `GET /v1/account/plan`.
#[utoipa::path(
    get, path = "/v1/account/plan",
    responses((status = 200, description = "The plan", body = ref("#/components/schemas/AnyObject"))),
)]
pub async fn view_plan() -> Response<Body> {
    json(&plan())
}

/// `POST /v1/account/plan`: there is no other plan to change to.
#[utoipa::path(
    post, path = "/v1/account/plan",
    request_body = ref("#/components/schemas/PlanFields"),
    responses((status = 200, description = "The plan, which it was before", body = ref("#/components/schemas/AnyObject"))),
)]
pub async fn change_plan(JsonObject(body): JsonObject) -> Reply {
    for (field, only) in [("type", PLAN), ("period", PERIOD)] {
        let given = fields::required_string(&body, field)?;
        if given != only {
            return Err(ApiError::invalid_field(
                field,
                &given.into(),
                &format!("{only:?}, the only one there is"),
            ));
        }
    }
    Ok(json(&plan()))
}

/// The month that is under way: its first second, that of the next one, and its number, such as 202611.
fn month(now_s: u64) -> (u64, u64, u64) {
    let text = time::rfc3339(now_s);
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|part| part.parse::<u64>().ok());
    let (year, month) = (part(0..4).unwrap_or(1970), part(5..7).unwrap_or(1));
    let first = |year: u64, month: u64| time::parse_rfc3339(&format!("{year:04}-{month:02}-01")).unwrap_or(0);
    let next = if month == 12 { first(year + 1, 1) } else { first(year, month + 1) };
    (first(year, month), next, year * 100 + month)
}

/// `GET /v1/account/invoices`: one for the month under way, of nothing.
#[utoipa::path(
    get, path = "/v1/account/invoices",
    responses((status = 200, description = "The invoices", body = ref("#/components/schemas/InvoiceList"))),
)]
pub async fn invoices(State(service): State<Service>) -> Response<Body> {
    let (sent, due, id) = month(service.now_s());
    json(&value!([{ "id": id, "due": due, "sent": sent, "amount": "0.00", "status": "due" }]))
}

/// `GET /v1/account/invoices/:invoiceid`: the invoice as a PDF.
#[utoipa::path(
    get, path = "/v1/account/invoices/{invoiceid}",
    responses((status = 200, description = "The invoice", content_type = "application/pdf")),
)]
pub async fn invoice(State(service): State<Service>, Path(asked): Path<String>) -> Reply {
    let (.., id) = month(service.now_s());
    if asked != id.to_string() {
        return Err(ApiError::not_found("invoice not found"));
    }
    let lines =
        [format!("Invoice {id}"), "Amount due: 0.00".to_owned(), "This server is self-hosted.".to_owned()];
    let mut response = Response::new(Body::from(pdf(&lines)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"invoice-{id}.pdf\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// A page with some lines of plain ASCII text without parentheses and backslashes, as a PDF 1.4 file.
fn pdf(lines: &[String]) -> Vec<u8> {
    let text: String = lines.iter().map(|line| format!("({line}) Tj T*\n")).collect();
    let content = format!("BT /F1 14 Tf 72 770 Td 20 TL\n{text}ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = String::new();
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (start, size) = (file.len(), objects.len() + 1);
    file.push_str(&format!(
        "xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    file.into_bytes()
}

/// `GET /v1/account/billataglance`: what is used, and that it costs nothing.
#[utoipa::path(
    get, path = "/v1/account/billataglance",
    responses((status = 200, description = "Usage and charges", body = ref("#/components/schemas/AnyObject"))),
)]
pub async fn at_a_glance(State(state): State<ApiState>) -> Reply {
    let queries = queries_of_month(&state);
    let usage = state.examine(Service::usage).await?;
    let (first, next, _) = month(state.service.now_s());
    // Queries are not counted by class, so they stand with the plain ones.
    let class = |records: u64, queries: u64| {
        value!({
            "record_rate": "0", "access_charge": "0.00", "records": records, "query_credit": 0,
            "query_cost": "0.00", "query_rate_per_million": "0", "queries": queries, "record_credit": 0,
            "record_cost": "0.00",
        })
    };
    let records = usage.static_records + usage.dynamic_records;
    Ok(json(&value!({
        "plan": PLAN,
        "period": PERIOD,
        "last_invoice": first,
        "next_invoice": next,
        "next_base_invoice": next,
        "recurring_cost": "0.00",
        "recurring_cost_next_invoice": "0.00",
        "any": { "overage_order": "ascending", "query_credit": UNLIMITED, "record_credit": UNLIMITED },
        "static": class(usage.static_records, queries),
        "dynamic": class(usage.dynamic_records, 0),
        "intelligent": class(0, 0),
        "totals": {
            "record_cost": "0.00", "record_credit": records, "queries": queries, "query_credit": queries,
            "records": records, "access_charge": "0.00", "query_cost": "0.00",
        },
        "balance": "0.00",
        "bill": "0.00",
    })))
}

/// `GET /v1/account/paymentmethods`: there are none.
#[utoipa::path(
    get, path = "/v1/account/paymentmethods",
    responses((status = 200, description = "No payment methods", body = ref("#/components/schemas/PaymentMethodList"))),
)]
pub async fn payment_methods() -> Response<Body> {
    json::<[Value]>(&[])
}

/// `PUT /v1/account/paymentmethods`: refused without looking at what was sent.
pub async fn no_payments() -> ApiError {
    ApiError::bad_request("a self-hosted server takes no payments; payment methods cannot be added or kept")
}

/// `GET`, `POST` and `DELETE /v1/account/paymentmethods/:id`: there is none.
pub async fn no_payment_method() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "payment method not found: a self-hosted server takes no payments")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_the_next_begins() {
        assert_eq!(month(1_780_272_000), (1_780_272_000, 1_782_864_000, 202_606));
        let (_, next, number) = month(time::parse_rfc3339("2026-12-31T23:59:59Z").unwrap());
        assert_eq!((time::rfc3339(next).as_str(), number), ("2027-01-01T00:00:00Z", 202_612));
    }

    #[test]
    fn the_offsets_of_a_pdf_lead_to_its_objects() {
        let file = String::from_utf8(pdf(&["one".to_owned(), "two".to_owned()])).unwrap();
        let start: usize = file.lines().rev().nth(1).unwrap().parse().unwrap();
        let table = &file[start..];
        assert!(table.starts_with("xref\n0 6\n"));
        for (number, entry) in (1..).zip(table.lines().skip(3).take(5)) {
            let offset: usize = entry[..10].parse().unwrap();
            assert!(file[offset..].starts_with(&format!("{number} 0 obj\n")));
        }
    }
}
