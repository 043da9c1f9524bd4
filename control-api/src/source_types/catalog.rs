//! The table of source types.

use super::options::{Kind, SourceOption};
use super::{Access, Delivers, SourceType, alerts, monitors, sns, webhook};

/// A check that a warning of its monitor makes fail, too.
const FAIL_ON_WARNING: SourceOption = SourceOption::new(
    "fail_on_warning",
    Kind::Checkbox,
    "Fail on warning",
    "Whether a warning counts as down. Otherwise it counts as up.",
)
.default("0");

/// What a type is made of where it says nothing else.
const PLAIN: SourceType = SourceType {
    name: "",
    short_description: "",
    description: "",
    config: &[],
    feed_config: &[],
    check: |_| Ok(()),
    access: Access::Id,
    delivers: Delivers::Up,
    read: monitors::nsone_v1,
};

pub(super) const ALL: &[SourceType] = &[
    SourceType {
        name: "nsone_v1",
        short_description: "Data of your own, pushed through this API",
        description: "<p>Publish values for any metadata key. Give each feed a label, then POST to \
            <code>/v1/feed/SOURCE_ID</code> with your API key: either an object that maps labels to metadata \
            tables, such as <code>{\"server-1\":{\"up\":false}}</code>, or one metadata table, such as \
            <code>{\"up\":true}</code>, for all feeds of the source.</p>",
        feed_config: &[SourceOption::new(
            "label",
            Kind::Text,
            "Label",
            "The name that pushed data use for this feed.",
        )
        .required()
        .matched()],
        access: Access::Key,
        delivers: Delivers::Any,
        read: monitors::nsone_v1,
        ..PLAIN
    },
    SourceType {
        name: "nsone_monitoring",
        short_description: "Monitoring jobs",
        description: "<p>Takes up and down of monitoring jobs. Scripts may POST \
            <code>{\"jobid\":\"JOB_ID\",\"up\":false}</code> to <code>/v1/feed/SOURCE_ID</code> with an API key.</p>",
        feed_config: &[SourceOption::new("jobid", Kind::Text, "Job id", "The id of the monitoring job.")
            .required()
            .matched()],
        access: Access::Key,
        read: monitors::nsone_monitoring,
        ..PLAIN
    },
    SourceType {
        name: "cloudwatch",
        short_description: "Amazon CloudWatch",
        description: "<p>Make an SNS topic, subscribe the HTTPS address of \
            <code>/v1/feed/SOURCE_ID</code> to it, and let alarms notify the topic of ALARM and OK. The \
            subscription is confirmed by itself. Use one topic for each source.</p>",
        config: &[SourceOption::new(
            "topic_arn",
            Kind::Text,
            "Topic ARN",
            "The topic to listen to. Without it any topic that knows the address is listened to.",
        )],
        feed_config: &[SourceOption::new(
            "alarm_name",
            Kind::Text,
            "Alarm name",
            "The name of the CloudWatch alarm.",
        )
        .required()
        .matched()],
        access: Access::Sns,
        read: sns::cloudwatch,
        ..PLAIN
    },
    SourceType {
        name: "datadog",
        short_description: "Datadog",
        description: "<p>Add a webhook with the address of <code>/v1/feed/SOURCE_ID</code> and the payload \
            <code>{\"monitor_id\":\"$ALERT_ID\",\"alert_transition\":\"$ALERT_TRANSITION\"}</code>, and \
            notify it from the monitor.</p>",
        feed_config: &[
            SourceOption::new("monitor_id", Kind::Number, "Monitor id", "The id of the Datadog monitor.")
                .required()
                .matched(),
            FAIL_ON_WARNING,
        ],
        read: monitors::datadog,
        ..PLAIN
    },
    SourceType {
        name: "newrelic_webhook",
        short_description: "New Relic webhook",
        description: "<p>Add a webhook with the address of <code>/v1/feed/SOURCE_ID</code>: in its default \
            form, as form or as JSON, or as the destination of a workflow with its default payload.</p>",
        config: &[SourceOption::new(
            "account_id",
            Kind::Number,
            "Account id",
            "The id of the New Relic account; alerts of others are refused.",
        )
        .required()],
        feed_config: &[SourceOption::new(
            "resource_name",
            Kind::Text,
            "Resource name",
            "The name of the application, server or entity.",
        )
        .required()
        .matched()],
        read: monitors::newrelic_webhook,
        ..PLAIN
    },
    SourceType {
        name: "pingdom",
        short_description: "Pingdom",
        description: "<p>Add a webhook integration with the address of <code>/v1/feed/SOURCE_ID</code> and \
            select it in the check.</p>",
        feed_config: &[SourceOption::new(
            "check_id",
            Kind::Number,
            "Check id",
            "The id of the Pingdom check.",
        )
        .required()
        .matched()],
        read: monitors::pingdom,
        ..PLAIN
    },
    SourceType {
        name: "catchpoint",
        short_description: "Catchpoint",
        description: "<p>Add an alert webhook with the address of <code>/v1/feed/SOURCE_ID</code> and the \
            template <code>{\"test_id\":\"${testId}\",\"level\":\"${notificationLevelId}\"}</code>.</p>",
        feed_config: &[
            SourceOption::new("test_id", Kind::Number, "Test id", "The id of the Catchpoint test.")
                .required()
                .matched(),
            FAIL_ON_WARNING,
        ],
        read: monitors::catchpoint,
        ..PLAIN
    },
    SourceType {
        name: "rackspace",
        short_description: "Rackspace Cloud Monitoring",
        description: "<p>Add a webhook notification with the address of <code>/v1/feed/SOURCE_ID</code> to \
            the notification plan of the alarm.</p>",
        config: &[SourceOption::new(
            "webhook_token",
            Kind::Text,
            "Webhook token",
            "The token of the account. When it is set, notifications have to carry it.",
        )],
        feed_config: &[
            SourceOption::new("entity_id", Kind::Text, "Entity id", "The id of the entity.")
                .required()
                .matched(),
            SourceOption::new("alarm_id", Kind::Text, "Alarm id", "Only this alarm of the entity.").matched(),
            SourceOption::new("check_id", Kind::Text, "Check id", "Only this check of the entity.").matched(),
            FAIL_ON_WARNING,
        ],
        read: monitors::rackspace,
        ..PLAIN
    },
    SourceType {
        name: "thousandeyes",
        short_description: "ThousandEyes",
        description: "<p>Add a webhook with the address of <code>/v1/feed/SOURCE_ID</code> to the \
            notifications of the alert rule.</p>",
        feed_config: &[SourceOption::new(
            "test_id",
            Kind::Number,
            "Test id",
            "The id of the ThousandEyes test.",
        )
        .required()
        .matched()],
        read: monitors::thousandeyes,
        ..PLAIN
    },
    SourceType {
        name: "webcheck",
        short_description: "Web checks",
        description: "<p>Let the check POST <code>{\"check_id\":1,\"check_state\":\"down\"}</code> to \
            <code>/v1/feed/SOURCE_ID</code>.</p>",
        feed_config: &[
            SourceOption::new("check_id", Kind::Number, "Check id", "The id of the check.")
                .required()
                .matched(),
            FAIL_ON_WARNING,
        ],
        read: monitors::webcheck,
        ..PLAIN
    },
    SourceType {
        name: "prometheus_alertmanager",
        short_description: "Prometheus Alertmanager",
        description: "<p>Add a webhook receiver with the address of <code>/v1/feed/SOURCE_ID</code> and \
            <code>send_resolved: true</code>. A firing alert is down, a resolved one is up.</p>",
        config: &[LABEL_NAME],
        feed_config: ALERT_FEED,
        read: alerts::prometheus_alertmanager,
        ..PLAIN
    },
    SourceType {
        name: "grafana",
        short_description: "Grafana alerting",
        description: "<p>Add a contact point of type webhook with the address of \
            <code>/v1/feed/SOURCE_ID</code>. A firing alert is down, a resolved one is up.</p>",
        config: &[LABEL_NAME],
        feed_config: ALERT_FEED,
        read: alerts::grafana,
        ..PLAIN
    },
    SourceType {
        name: "uptime_kuma",
        short_description: "Uptime Kuma",
        description: "<p>Add a notification of type webhook with the address of \
            <code>/v1/feed/SOURCE_ID</code> and the JSON request body, and switch it on in the monitor.</p>",
        feed_config: &[SourceOption::new(
            "monitor_id",
            Kind::Number,
            "Monitor id",
            "The number of the monitor, as in the address of its page.",
        )
        .required()
        .matched()],
        read: alerts::uptime_kuma,
        ..PLAIN
    },
    SourceType {
        name: "shodan",
        short_description: "Shodan Monitor",
        description: "<p>Add a webhook notifier with the address of <code>/v1/feed/SOURCE_ID</code> to the \
            asset group. A notification applies the metadata of <code>values</code> to the feeds of its \
            address; Shodan never says that all is well again, so let the feed expire.</p>",
        config: &[
            SourceOption::new(
                "api_key",
                Kind::Text,
                "API key",
                "The key that Shodan signs with. When it is set, what is not signed is refused.",
            ),
            SourceOption::new("values", Kind::Table, "Values", "The metadata that a notification sets.")
                .default("{\"up\":false}"),
        ],
        feed_config: &[
            SourceOption::new("ip", Kind::Address, "Address", "The address that is watched.")
                .required()
                .matched(),
            SourceOption::new("port", Kind::Number, "Port", "Only notifications about this port.").matched(),
            SourceOption::new("trigger", Kind::Text, "Trigger", "Only notifications of this trigger.")
                .matched(),
        ],
        delivers: Delivers::Any,
        read: webhook::shodan,
        ..PLAIN
    },
    SourceType {
        name: "webhook",
        short_description: "Any webhook with a JSON object",
        description: "<p>Takes any JSON object at <code>/v1/feed/SOURCE_ID</code>. JSON pointers say where the \
            label of the feed and the value are; <code>values</code> says which metadata a value stands for, \
            or <code>key</code> which metadata key takes it as it is. With a secret the body has to be signed \
            (HMAC-SHA-256, hex digits, with or without <code>sha256=</code>).</p>",
        config: &[
            SourceOption::new("label", Kind::Pointer, "Label", "JSON pointer to the label of the feed.")
                .required(),
            SourceOption::new("value", Kind::Pointer, "Value", "JSON pointer to the value.").required(),
            SourceOption::new(
                "values",
                Kind::Tables,
                "Values",
                "Metadata tables by value. Other values change nothing.",
            ),
            SourceOption::new("key", Kind::MetaKey, "Key", "The metadata key that takes the value as it is."),
            SourceOption::new("hmac_secret", Kind::Text, "Secret", "What the sender signs the body with."),
            SourceOption::new("hmac_header", Kind::Text, "Header", "The header that carries the signature.")
                .default(webhook::DEFAULT_HMAC_HEADER),
        ],
        feed_config: &[SourceOption::new("label", Kind::Text, "Label", "What the sender calls this feed.")
            .required()
            .matched()],
        check: webhook::check_webhook,
        delivers: Delivers::Any,
        read: webhook::webhook,
        ..PLAIN
    },
];

const LABEL_NAME: SourceOption = SourceOption::new(
    "label_name",
    Kind::Text,
    "Label name",
    "The label of an alert whose value names the feed. Alerts without it are ignored.",
)
.default(alerts::DEFAULT_LABEL);

const ALERT_FEED: &[SourceOption] = &[
    SourceOption::new("label", Kind::Text, "Label value", "The value of the label that names the feed.")
        .required()
        .matched(),
    SourceOption::new("alertname", Kind::Text, "Alert name", "Only alerts of this name.").matched(),
];
