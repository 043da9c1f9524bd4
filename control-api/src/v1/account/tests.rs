//! The account as its clients see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::service::account::TeamDoc;
use crate::service::{Clock, ServiceOptions};
use crate::testing::{KEY, Reply, TestApi};

const KEYS: &str = "/v1/account/apikeys";
const TEAMS: &str = "/v1/account/teams";
const USERS: &str = "/v1/account/users";
const WHITELIST: &str = "/v1/account/whitelist";

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap()
}

async fn status(api: &TestApi, key: &str, path: &str) -> u16 {
    api.call_with(key, "GET", path, Value::Null).await.status.as_u16()
}

fn refused(reply: &Reply, status: u16, part: &str) {
    assert!(reply.status == status && reply.message().contains(part), "{} {}", reply.status, reply.text());
}

#[tokio::test]
async fn a_key_lives_from_put_to_delete_and_shows_its_secret_once() {
    let api = TestApi::new().await;
    let body = json!({"name": "octodns", "id": "x", "key": "x", "permissions": {"account": {"manage_users": false}}});
    let made = api.done("PUT", KEYS, body).await;
    let (id, secret) = (text(&made, "id"), text(&made, "key"));
    assert_eq!((id.len(), secret.len()), (24, 20));
    assert_eq!(made["secrets"][0]["secret"], secret);
    assert_eq!(made["permissions"]["dns"]["view_zones"], true);
    assert_eq!((status(&api, secret, "/v1/zones").await, status(&api, secret, USERS).await), (200, 403));
    let path = format!("{KEYS}/{id}");
    let changed =
        api.done("POST", &path, json!({"name": "plans", "permissions": {"dns": {"view_zones": "0"}}})).await;
    assert_eq!(
        (&changed["name"], &changed["permissions"]["account"]["manage_users"]),
        (&json!("plans"), &json!(false))
    );
    assert_eq!(status(&api, secret, "/v1/zones").await, 403);
    let shown = api.get(&path).await;
    assert!(!shown.text().contains(secret) && shown.json().get("key").is_none(), "{}", shown.text());
    assert!(shown.json()["last_access"].is_u64(), "{}", shown.text());
    assert_eq!(api.get(KEYS).await.json().as_array().unwrap().len(), 2);
    assert!(!api.get(KEYS).await.text().contains(secret));
    assert_eq!(api.done("DELETE", &path, Value::Null).await, json!({}));
    assert_eq!(status(&api, secret, "/v1/zones").await, 401);
    refused(&api.get(&path).await, 404, " not found");
    let log = api.get("/v1/account/activity?resource_type=apikey").await;
    assert!(log.json().as_array().unwrap().len() >= 3);
    assert!(!log.text().contains(secret) && !log.text().contains("hash"), "{}", log.text());
}

#[tokio::test]
async fn what_a_key_cannot_be_is_refused_with_the_field() {
    let api = TestApi::new().await;
    api.done("PUT", KEYS, json!({"name": "taken"})).await;
    for (body, part) in [
        (json!({}), "<obj>.name"),
        (json!({"name": "x"}), "2 to 64 characters"),
        (json!({"name": "ab", "teams": ["nowhere"]}), "nowhere"),
        (json!({"name": "ab", "teams": [7]}), "<obj>.teams[0]"),
        (json!({"name": "ab", "permissions": []}), "<obj>.permissions"),
        (json!({"name": "ab", "ip_whitelist": ["192.0.2.0/33"]}), "<obj>.ip_whitelist[0]"),
        (json!({"name": "ab", "ip_whitelist_restrict": true}), "ip_whitelist"),
        (json!({"name": "ab", "expiry_duration": "1y"}), "<obj>.expiry_duration"),
    ] {
        refused(&api.call("PUT", KEYS, body).await, 400, part);
    }
    refused(
        &api.call("PUT", KEYS, json!({"name": "taken"})).await,
        409,
        "api key with name \"taken\" exists",
    );
    let nulls = json!({"name": "nulls", "teams": null, "ip_whitelist": null, "permissions": null});
    api.done("PUT", KEYS, nulls).await;
}

#[tokio::test]
async fn a_strict_key_works_from_its_networks_only_and_cannot_shut_itself_out() {
    let api = TestApi::new().await;
    let body = json!({"name": "office", "ip_whitelist": ["192.0.2.0/24", "2001:db8::/32"], "ip_whitelist_restrict": true});
    let made = api.done("PUT", KEYS, body).await;
    assert_eq!(made["ip_whitelist_strict"], true);
    let (id, secret) = (text(&made, "id"), text(&made, "key"));
    let from = async |address| api.call_from(address, secret, "GET", "/v1/zones", Value::Null).await;
    for address in ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"] {
        assert_eq!(from(address).await.status, 200, "{address}");
    }
    refused(&from("198.51.100.1").await, 403, "198.51.100.1");
    assert_eq!(status(&api, secret, "/v1/zones").await, 403);
    let path = format!("{KEYS}/{id}");
    let away = json!({"ip_whitelist": ["198.51.100.0/24"]});
    refused(&api.call_from("192.0.2.7", secret, "POST", &path, away.clone()).await, 400, "lock out");
    api.done("POST", &path, away).await;
    assert_eq!(from("198.51.100.1").await.status, 200);
}

#[tokio::test]
async fn a_team_that_goes_leaves_its_addresses_to_whom_it_would_shut_out() {
    let api = TestApi::new().await;
    let team = async |name: &str, addresses: Value| {
        let lists = json!([{"name": "home", "values": addresses}]);
        api.done("PUT", TEAMS, json!({"name": name, "ip_whitelist": lists})).await
    };
    let (home, plain) = (team("home", json!(["192.0.2.1"])).await, team("plain", json!([])).await);
    let path = format!("{TEAMS}/{}", text(&home, "id"));
    let teams = json!([home["id"], plain["id"]]);
    let member = |name: &str, own: Value| json!({"name": name, "teams": teams, "ip_whitelist": own, "ip_whitelist_strict": true});
    let none = api.done("PUT", KEYS, member("none", json!([]))).await;
    let away = api.done("PUT", KEYS, member("away", json!(["198.51.100.1"]))).await;
    let delete =
        async |key: &Value| api.call_from("192.0.2.1", text(key, "key"), "DELETE", &path, json!({})).await;
    refused(&delete(&away).await, 400, "lock out");
    assert_eq!(delete(&none).await.status, 200);
    let addresses = async |key: &Value| {
        api.get(&format!("{KEYS}/{}", text(key, "id"))).await.json()["ip_whitelist"].clone()
    };
    assert_eq!(addresses(&none).await, json!(["192.0.2.1"]));
    assert_eq!(addresses(&away).await, json!(["198.51.100.1"]));
}

#[tokio::test]
async fn a_change_that_is_on_the_way_while_its_key_goes_is_not_made() {
    let api = TestApi::new().await;
    let made = api.done("PUT", KEYS, json!({"name": "going"})).await;
    let path = format!("{KEYS}/{}", text(&made, "id"));
    let actor = api.service.authenticate(text(&made, "key"), None).unwrap();
    let make = async |name: &str| {
        let team = TeamDoc { name: name.to_owned(), ..TeamDoc::default() };
        api.service.commit(&actor, |changes| changes.put_team(team)).await.map(drop)
    };
    assert_eq!(make("first").await, Ok(()));
    api.done("POST", &path, json!({"permissions": {"dns": {"manage_zones": false}}})).await;
    assert_eq!(make("more than it holds").await.unwrap_err().status, 403);
    api.done("DELETE", &path, Value::Null).await;
    assert_eq!(make("after its end").await.unwrap_err().status, 401);
}

#[tokio::test]
async fn nobody_gives_or_takes_more_than_he_holds() {
    let api = TestApi::new().await;
    let some = json!({"dns": {"zones_allow_by_default": false, "zones_allow": ["a.test"]}});
    let made = api.done("PUT", KEYS, json!({"name": "limited", "permissions": some})).await;
    let (id, limited) = (text(&made, "id"), text(&made, "key"));
    let call = async |method: &str, path: &str, body| api.call_with(limited, method, path, body).await;
    let admin = format!("{KEYS}/{}", "5".repeat(24));
    refused(&call("PUT", KEYS, json!({"name": "wide"})).await, 403, "may do more");
    refused(&call("POST", &admin, json!({"name": "mine"})).await, 403, "may do more");
    refused(&call("DELETE", &admin, Value::Null).await, 403, "may do more");
    let wider = json!({"permissions": {"dns": {"zones_allow": ["a.test", "b.test"]}}});
    refused(&call("POST", &format!("{KEYS}/{id}"), wider.clone()).await, 403, "may do more");
    refused(&call("PUT", TEAMS, json!({"name": "wide"})).await, 403, "may do more");
    let user = json!({"username": "wide", "email": "a@b.test"});
    refused(&call("PUT", USERS, user).await, 403, "may do more");
    let all = api.get(KEYS).await.json();
    let secret = text(&all[0]["secrets"][0], "secret_id");
    refused(
        &call("POST", &format!("/apikeys/v1/secrets/{secret}/renew"), Value::Null).await,
        403,
        "may do more",
    );
    let same = json!({"name": "same", "permissions": some});
    assert_eq!(call("PUT", KEYS, same).await.status, 200);
}

#[tokio::test]
async fn the_last_key_with_every_permission_cannot_be_lost() {
    let api = TestApi::new().await;
    let own = format!("{KEYS}/{}", "5".repeat(24));
    let less = json!({"permissions": {"account": {"manage_apikeys": false}}});
    let part = "last key that holds every permission";
    refused(&api.call("DELETE", &own, Value::Null).await, 400, part);
    refused(&api.call("POST", &own, less.clone()).await, 400, part);
    let secret = text(&api.get("/apikeys/v1/secrets/self").await.json(), "secret_id").to_owned();
    let path = format!("/apikeys/v1/secrets/{secret}");
    refused(&api.call("PUT", &path, json!({"enabled": false})).await, 400, "made with");
    refused(&api.call("DELETE", &path, Value::Null).await, 400, "made with");
    refused(&api.call("PUT", &path, json!({"expires_at": "2999-01-01"})).await, 400, part);
    // In a team, what counts are the permissions of the team.
    let team = api.done("PUT", TEAMS, json!({"name": "all"})).await;
    api.done("POST", &own, json!({"teams": [team["id"]]})).await;
    refused(&api.call("POST", &format!("{TEAMS}/{}", text(&team, "id")), less).await, 400, part);
    api.done("PUT", KEYS, json!({"name": "second"})).await;
    api.done("DELETE", &own, Value::Null).await;
}

#[tokio::test]
async fn a_secret_is_exchanged_while_both_work_and_ends_in_its_time() {
    let now_s = Arc::new(AtomicU64::new(1_780_272_000));
    let clock = Arc::clone(&now_s);
    let clock = Clock::new(move || clock.load(Ordering::Relaxed) * 1_000_000);
    let api = TestApi::with_options(ServiceOptions { clock, ..ServiceOptions::default() }).await;
    let body = json!({"name": "rotated", "expiry_duration": "30d", "permissions": {"account": {"manage_apikeys": false}}});
    let made = api.done("PUT", KEYS, body).await;
    let (first, first_id) = (text(&made, "key"), text(&made["secrets"][0], "secret_id"));
    assert_eq!(made["secrets"][0]["expires_at"], "2026-07-01T00:00:00Z");
    let own = "/apikeys/v1/secrets/self";
    let seen = api.call_with(first, "GET", own, Value::Null).await;
    assert_eq!(
        (&seen.json()["secret_id"], &seen.json()["last_access"]),
        (&json!(first_id), &json!("2026-06-01T00:00:00Z"))
    );
    let renewed = api.call_with(first, "POST", &format!("{own}/renew"), Value::Null).await.json();
    let (second, second_id) = (text(&renewed, "secret"), text(&renewed, "secret_id"));
    assert_eq!((status(&api, first, own).await, status(&api, second, own).await), (200, 200));
    refused(
        &api.call_with(second, "POST", &format!("{own}/renew"), Value::Null).await,
        400,
        "already has 2 active",
    );
    let path = |id: &str| format!("/apikeys/v1/secrets/{id}");
    assert_eq!(status(&api, second, &path(first_id)).await, 200);
    let others = text(&api.get(own).await.json(), "secret_id").to_owned();
    for id in [&others, "nowhere"] {
        refused(&api.call_with(second, "GET", &path(id), Value::Null).await, 403, "manage_apikeys");
        refused(&api.call_with(second, "DELETE", &path(id), Value::Null).await, 403, "manage_apikeys");
    }
    refused(&api.call_with(second, "PUT", own, json!({"expires_at": null})).await, 403, "manage_apikeys");
    let ends = api.done("PUT", &path(second_id), json!({"expires_at": 1_780_272_100})).await;
    assert_eq!(ends["expires_at"], "2026-06-01T00:01:40Z");
    refused(&api.call("PUT", &path(second_id), json!({"expires_at": "soon"})).await, 400, "<obj>.expires_at");
    now_s.store(1_780_272_100, Ordering::Relaxed);
    assert_eq!((status(&api, first, own).await, status(&api, second, own).await), (200, 401));
    api.done("PUT", &path(first_id), json!({"enabled": false})).await;
    assert_eq!(status(&api, first, own).await, 401);
    api.done("DELETE", &path(second_id), Value::Null).await;
    refused(&api.call("DELETE", &path(first_id), Value::Null).await, 400, "last secret");
    refused(&api.get(&path("nowhere")).await, 404, "secret not found");
}

#[tokio::test]
async fn a_key_cannot_renew_itself_past_its_end() {
    let api = TestApi::new().await;
    let body = json!({"name": "guest", "permissions": {"account": {"manage_apikeys": false}}});
    let made = api.done("PUT", KEYS, body).await;
    let path = format!("/apikeys/v1/secrets/{}", text(&made["secrets"][0], "secret_id"));
    let end = json!("2999-01-01T00:00:00Z");
    api.done("PUT", &path, json!({"expires_at": end})).await;
    let renew = "/apikeys/v1/secrets/self/renew";
    let renewed = api.call_with(text(&made, "key"), "POST", renew, Value::Null).await.json();
    assert_eq!(renewed["expires_at"], end);
    api.done("DELETE", &format!("/apikeys/v1/secrets/{}", text(&renewed, "secret_id")), Value::Null).await;
    let by_another = api.done("POST", &format!("{path}/renew"), Value::Null).await;
    assert_eq!(by_another.get("expires_at"), None, "who manages keys says when they end");
}

#[tokio::test]
async fn members_share_the_permissions_of_their_teams_and_keep_those_of_the_last() {
    let api = TestApi::new().await;
    let team = async |name: &str, zone: &str| {
        let dns = json!({"zones_allow_by_default": false, "zones_allow": [zone], "manage_zones": false});
        let body = json!({"name": name, "permissions": {"dns": dns, "account": {"manage_teams": false}},
                          "ip_whitelist": [{"name": "home", "values": ["192.0.2.1"]}]});
        api.done("PUT", TEAMS, body).await
    };
    for zone in ["a.test", "b.test"] {
        api.done("PUT", &format!("/v1/zones/{zone}"), json!({"zone": zone})).await;
    }
    let (one, two) = (team("one", "a.test").await, team("two", "b.test").await);
    assert_eq!(text(&one["ip_whitelist"][0], "id").len(), 36);
    refused(&api.call("PUT", TEAMS, json!({"name": "one"})).await, 409, "team with name \"one\" exists");
    let teams = json!([one["id"], two["id"]]);
    let made = api
        .done(
            "PUT",
            KEYS,
            json!({"name": "member", "teams": teams, "permissions": {"dns": {"manage_zones": true}}}),
        )
        .await;
    let user = json!({"username": "jane", "email": "jane@b.test", "teams": teams});
    let user = api.done("PUT", USERS, user).await;
    for member in [&made, &user] {
        assert_eq!(member["permissions"]["dns"]["zones_allow"], json!(["a.test", "b.test"]));
        assert_eq!(member["permissions"]["dns"]["manage_zones"], false);
    }
    let secret = text(&made, "key");
    let seen = async || {
        let zones =
            [status(&api, secret, "/v1/zones/a.test").await, status(&api, secret, "/v1/zones/b.test").await];
        (zones, status(&api, secret, TEAMS).await)
    };
    assert_eq!(seen().await, ([200, 200], 403));
    let path = |team: &Value| format!("{TEAMS}/{}", text(team, "id"));
    api.done("POST", &path(&one), json!({"permissions": {"account": {"manage_teams": true}}})).await;
    assert_eq!(seen().await, ([200, 200], 200));
    api.done("DELETE", &path(&one), Value::Null).await;
    assert_eq!(seen().await, ([404, 200], 403));
    api.done("DELETE", &path(&two), Value::Null).await;
    assert_eq!(seen().await, ([404, 200], 403));
    let key = api.get(&format!("{KEYS}/{}", text(&made, "id"))).await.json();
    assert_eq!((&key["teams"], &key["permissions"]["dns"]["zones_allow"]), (&json!([]), &json!(["b.test"])));
    let user = api.get(&format!("{USERS}/jane")).await.json();
    assert_eq!(
        (&user["teams"], &user["permissions"]["dns"]["zones_allow"]),
        (&json!([]), &json!(["b.test"]))
    );
    refused(&api.get(&path(&one)).await, 404, " not found");
}

#[tokio::test]
async fn leaving_all_teams_by_oneself_does_not_widen_what_is_allowed() {
    let api = TestApi::new().await;
    let body = json!({"name": "few", "permissions": {"dns": {"manage_zones": false}}});
    let team = api.done("PUT", TEAMS, body).await;
    let made = api.done("PUT", KEYS, json!({"name": "member", "teams": [team["id"]]})).await;
    let left = api.done("POST", &format!("{KEYS}/{}", text(&made, "id")), json!({"teams": []})).await;
    assert_eq!((&left["teams"], &left["permissions"]["dns"]["manage_zones"]), (&json!([]), &json!(false)));

    let one_zone = json!({"dns": {"zones_allow_by_default": false, "zones_allow": ["a.test"]}});
    let other = api.done("PUT", TEAMS, json!({"name": "one zone", "permissions": one_zone})).await;
    let both = json!({"name": "of both", "teams": [team["id"], other["id"]]});
    let path = format!("{KEYS}/{}", text(&api.done("PUT", KEYS, both).await, "id"));
    refused(&api.call("POST", &path, json!({"teams": []})).await, 400, "one by one");
    api.done("POST", &path, json!({"teams": [other["id"]]})).await;
    let left = api.done("POST", &path, json!({"teams": []})).await;
    assert_eq!(left["permissions"]["dns"]["zones_allow"], json!(["a.test"]));
}

#[tokio::test]
async fn a_user_lives_from_put_to_delete() {
    let api = TestApi::new().await;
    let body =
        json!({"username": "jane", "email": "jane@b.test", "name": "Jane", "notify": {"billing": true}});
    let made = api.done("PUT", USERS, body.clone()).await;
    for member in
        ["2fa_enabled", "created", "invite_token", "last_access", "shared_auth", "permissions", "teams"]
    {
        assert!(made.get(member).is_some(), "{member}");
    }
    refused(&api.call("PUT", USERS, body).await, 409, "request failed:Login Name is already in use.");
    let path = format!("{USERS}/jane");
    let changed = api.done("POST", &path, json!({"name": "Jane Smith"})).await;
    assert_eq!((&changed["name"], &changed["notify"]["billing"]), (&json!("Jane Smith"), &json!(true)));
    assert_eq!(api.get(USERS).await.json(), json!([changed]));
    assert_eq!(api.done("POST", &path, changed.clone()).await, changed);
    refused(&api.call("POST", &path, json!({"username": "joan"})).await, 400, "<obj>.username");
    api.done("POST", "/v1/account/reinvite/jane", Value::Null).await;
    api.done("DELETE", &path, Value::Null).await;
    refused(&api.get(&path).await, 404, "Unknown user");
    refused(&api.call("POST", "/v1/account/reinvite/jane", Value::Null).await, 404, "Unknown user");
    for (body, part) in [
        (json!({"username": "ab", "email": "a@b.test"}), "<obj>.username"),
        (json!({"username": "a/b", "email": "a@b.test"}), "<obj>.username"),
        (json!({"username": "abc"}), "<obj>.email"),
        (json!({"username": "abc", "email": "nobody"}), "<obj>.email"),
        (json!({"username": "abc", "email": "a@b.test", "notify": {"billing": 7}}), "<obj>.notify.billing"),
    ] {
        refused(&api.call("PUT", USERS, body).await, 400, part);
    }
}

#[tokio::test]
async fn address_lists_are_kept_and_decide_only_when_enforced() {
    for is_enforced in [false, true] {
        let options = ServiceOptions { enforce_whitelist: is_enforced, ..ServiceOptions::default() };
        let api = TestApi::with_options(options).await;
        let from = async |address, method: &str, path: &str, body| {
            api.call_from(address, KEY, method, path, body).await
        };
        let list = json!({"name": "office", "values": ["192.0.2.0/24"]});
        let outside = from("198.51.100.1", "PUT", WHITELIST, list.clone()).await;
        if is_enforced {
            refused(&outside, 400, "lock out");
        }
        let made = from("192.0.2.1", "PUT", WHITELIST, list).await.json();
        let path = format!("{WHITELIST}/{}", text(&made, "id"));
        assert_eq!(from("192.0.2.1", "GET", &path, Value::Null).await.json(), made);
        let expected = if is_enforced { 401 } else { 200 };
        assert_eq!(from("198.51.100.1", "GET", WHITELIST, Value::Null).await.status, expected);
        let renamed = from("192.0.2.1", "POST", &path, json!({"name": "home"})).await.json();
        assert_eq!((&renamed["name"], &renamed["values"]), (&json!("home"), &made["values"]));
        assert_eq!(from("192.0.2.1", "DELETE", &path, Value::Null).await.text(), "{}\n");
        refused(&from("192.0.2.1", "GET", &path, Value::Null).await, 404, " not found");
        for (body, part) in
            [(json!({"values": []}), "name"), (json!({"name": "x", "values": ["x"]}), "values[0]")]
        {
            refused(&from("192.0.2.1", "PUT", WHITELIST, body).await, 400, part);
        }
    }
}

#[tokio::test]
async fn settings_merge_field_by_field() {
    let api = TestApi::new().await;
    let path = "/v1/account/settings";
    let first =
        json!({"company": "Example", "address": {"city": "New York", "postalcode": 10005}, "customerid": 9});
    api.done("POST", path, first).await;
    let all = api.done("POST", path, json!({"email": "a@b.test", "address": {"country": "US"}})).await;
    assert_eq!(all, api.get(path).await.json());
    assert_eq!(
        (&all["company"], &all["email"], &all["phone"]),
        (&json!("Example"), &json!("a@b.test"), &json!(""))
    );
    let address =
        json!({"country": "US", "street": "", "state": "", "city": "New York", "postalcode": 10005});
    assert_eq!(all["address"], address);
    refused(&api.call("POST", path, json!({"address": {"city": 7}})).await, 400, "<obj>.address.city");
}

#[tokio::test]
async fn warning_levels_merge_and_stay_in_order() {
    let api = TestApi::new().await;
    let path = "/v1/account/usagewarnings";
    let changed = api.done("POST", path, json!({"queries": {"warning_2": 95, "send_warnings": true}})).await;
    assert_eq!(changed["queries"], json!({"send_warnings": true, "warning_1": 80, "warning_2": 95}));
    assert_eq!(changed, api.get(path).await.json());
    for (body, part) in [
        (json!({"queries": {"warning_1": 95}}), "queries"),
        (json!({"zones": {"warning_2": 101}}), "<obj>.zones.warning_2"),
        (json!({"records": 7}), "<obj>.records"),
    ] {
        refused(&api.call("POST", path, body).await, 400, part);
    }
}

#[tokio::test]
async fn nothing_costs_anything_and_no_card_is_taken() {
    let api = TestApi::new().await;
    api.done("PUT", "/v1/zones/a.test", json!({"zone": "a.test"})).await;
    let plan = api.get("/v1/account/plan").await.json();
    let plans = api.get("/v1/account/plantypes").await.json();
    assert_eq!(plans[0]["type"], plan["type"]);
    let same = json!({"type": plan["type"], "period": plan["period"]});
    assert_eq!(api.done("POST", "/v1/account/plan", same).await, plan);
    refused(
        &api.call("POST", "/v1/account/plan", json!({"type": "pro", "period": "annual"})).await,
        400,
        "self-hosted",
    );
    let bill = api.get("/v1/account/billataglance").await.json();
    assert_eq!((&bill["totals"]["records"], &bill["bill"]), (&json!(1), &json!("0.00")));
    let invoices = api.get("/v1/account/invoices").await.json();
    let pdf = api.get(&format!("/v1/account/invoices/{}", invoices[0]["id"])).await;
    assert_eq!(pdf.header("content-type"), "application/pdf");
    assert!(pdf.body.starts_with(b"%PDF-1.4") && !pdf.header("content-disposition").is_empty());
    refused(&api.get("/v1/account/invoices/1").await, 404, "not found");
    let methods = "/v1/account/paymentmethods";
    assert_eq!(api.get(methods).await.json(), json!([]));
    let card = json!({"type": "creditcard", "cc_number": "4111111111111111", "cc_cvv2": "123"});
    refused(&api.call("PUT", methods, card).await, 400, "takes no payments");
    for method in ["GET", "POST", "DELETE"] {
        refused(&api.call(method, &format!("{methods}/1"), json!({})).await, 404, "takes no payments");
    }
    assert!(!api.get("/v1/account/activity").await.text().contains("4111"));
    assert_eq!(api.get("/billing-usage/v1/records").await.json(), json!({"total_usage": 1}));
    for kind in ["queries", "limits", "decisions", "monitors", "filter-chains", "redirects"] {
        assert_eq!(api.get(&format!("/billing-usage/v1/{kind}?from=1&to=2")).await.status, 200, "{kind}");
    }
    refused(&api.get("/billing-usage/v1/queries?from=2&to=1").await, 400, "from");
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let store = Arc::new(store::MemoryStore::new());
    let open = || TestApi::over(store.clone(), ServiceOptions::default());
    let paths = [
        KEYS,
        TEAMS,
        USERS,
        WHITELIST,
        "/v1/account/settings",
        "/v1/account/usagewarnings",
        "/v1/account/activity",
    ];
    let api = open().await;
    let team = api
        .done("PUT", TEAMS, json!({"name": "viewers", "permissions": {"dns": {"manage_zones": false}}}))
        .await;
    let made = api.done("PUT", KEYS, json!({"name": "member", "teams": [team["id"]]})).await;
    api.done("PUT", USERS, json!({"username": "jane", "email": "jane@b.test", "teams": [team["id"]]})).await;
    api.done("PUT", WHITELIST, json!({"name": "office", "values": ["192.0.2.0/24"]})).await;
    api.done("POST", "/v1/account/settings", json!({"company": "Example"})).await;
    api.done("POST", "/v1/account/usagewarnings", json!({"zones": {"warning_1": 1}})).await;
    let secret = text(&made, "key").to_owned();
    assert_eq!(status(&api, &secret, "/v1/zones").await, 200);
    let mut before = Vec::new();
    for path in paths {
        before.push(api.get(path).await.json());
    }
    drop(api);
    let api = open().await;
    for (path, before) in paths.into_iter().zip(before) {
        // Of keys, the first was used again.
        let (skip, after) = (usize::from(path == KEYS), api.get(path).await.json());
        let rest = |list: &Value| list.as_array().map(|list| list[skip..].to_vec());
        assert_eq!(
            (rest(&after), after.is_object().then_some(&after)),
            (rest(&before), before.is_object().then_some(&before)),
            "{path}"
        );
    }
    assert_eq!(status(&api, &secret, "/v1/zones").await, 200);
    let body = json!({"zone": "a.test"});
    assert_eq!(api.call_with(&secret, "PUT", "/v1/zones/a.test", body).await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_stays_usable_and_limited_while_its_team_is_deleted() {
    let api = Arc::new(TestApi::new().await);
    for round in 0..20 {
        let body = json!({"name": format!("team {round}"), "permissions": {"dns": {"manage_zones": false}}});
        let team = api.done("PUT", TEAMS, body).await;
        let made =
            api.done("PUT", KEYS, json!({"name": format!("key {round}"), "teams": [team["id"]]})).await;
        let secret = text(&made, "key").to_owned();
        let users = (0..4).map(|_| {
            let (api, secret) = (Arc::clone(&api), secret.clone());
            tokio::spawn(async move {
                for _ in 0..20 {
                    assert_eq!(status(&api, &secret, "/v1/zones").await, 200);
                    let body = json!({"zone": "x.test"});
                    assert_eq!(api.call_with(&secret, "PUT", "/v1/zones/x.test", body).await.status, 403);
                }
            })
        });
        let users: Vec<_> = users.collect();
        api.done("DELETE", &format!("{TEAMS}/{}", text(&team, "id")), Value::Null).await;
        for user in users {
            user.await.unwrap();
        }
    }
}
