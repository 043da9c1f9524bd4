//! Amazon SNS, which carries the alarms of CloudWatch.
//!
//! A topic signs its messages with the key of a certificate that lies at an HTTPS address of SNS. Whoever
//! names another host, or signs with another key, is not SNS. Getting the certificate, and the address that
//! confirms a subscription, are the only requests that this server sends by itself; both are made by
//! [`Outgoing`](crate::outgoing::Outgoing).

use axum::http::Uri;
use data_encoding::BASE64;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use serde_json::{Map, Value};
use webpki::EndEntityCert;

use super::options;
use super::payload::{Sent, Words, nested, required};
use super::push::Push;
use crate::error::ApiError;

/// A message of a topic.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: MessageKind,
    /// The topic that sent it.
    pub(crate) topic: String,
    fields: Map<String, Value>,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    /// The topic asks whether the subscription is wanted.
    SubscriptionConfirmation,
    /// Something happened.
    Notification,
    /// The subscription has ended.
    UnsubscribeConfirmation,
}

impl Message {
    /// Reads a message. Nothing in it is to be believed before [`Self::verify`].
    pub(crate) fn read(sent: &Sent<'_>) -> Result<Self, ApiError> {
        let fields = sent.object()?;
        let kind = match required(&fields, &["Type"])?.as_str() {
            "SubscriptionConfirmation" => MessageKind::SubscriptionConfirmation,
            "Notification" => MessageKind::Notification,
            "UnsubscribeConfirmation" => MessageKind::UnsubscribeConfirmation,
            other => {
                let known = "one of SubscriptionConfirmation, Notification, UnsubscribeConfirmation";
                return Err(ApiError::invalid_field("Type", &other.into(), known));
            }
        };
        let topic = required(&fields, &["TopicArn"])?;
        Ok(Self { kind, topic, fields })
    }

    /// Whether it comes from the topic that the source is for; a source without one takes any.
    pub(crate) fn check_topic(&self, config: &Map<String, Value>) -> Result<(), ApiError> {
        match options::text(config, "topic_arn") {
            Some(wanted) if wanted != self.topic => {
                Err(ApiError::forbidden("TopicArn is of another topic than the source's topic_arn"))
            }
            _ => Ok(()),
        }
    }

    /// Where the certificate lies.
    pub(crate) fn certificate_url(&self) -> Result<String, ApiError> {
        let url = required(&self.fields, &["SigningCertURL"])?;
        if !is_of_sns(&url) || !is_certificate_file(&url) {
            let expected = "an https URL of SimpleNotificationService-….pem on sns.REGION.amazonaws.com";
            return Err(ApiError::invalid_field("SigningCertURL", &url.into(), expected));
        }
        Ok(url)
    }

    /// What confirms the subscription when it is fetched.
    pub(crate) fn subscribe_url(&self) -> Result<String, ApiError> {
        let url = required(&self.fields, &["SubscribeURL"])?;
        if !is_of_sns(&url) || !url.contains("Action=ConfirmSubscription") {
            let expected = "an https URL on sns.REGION.amazonaws.com with Action=ConfirmSubscription";
            return Err(ApiError::invalid_field("SubscribeURL", &url.into(), expected));
        }
        Ok(url)
    }

    /// Checks the signature with the certificate, in PEM.
    pub(crate) fn verify(&self, certificate: &[u8]) -> Result<(), ApiError> {
        let algorithm = match required(&self.fields, &["SignatureVersion"])?.as_str() {
            "1" => RsaSignature(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
            "2" => RsaSignature(&RSA_PKCS1_2048_8192_SHA256),
            other => {
                return Err(ApiError::invalid_field("SignatureVersion", &other.into(), "\"1\" or \"2\""));
            }
        };
        let signature = required(&self.fields, &["Signature"])?;
        let signature = BASE64
            .decode(signature.as_bytes())
            .map_err(|_| ApiError::invalid_field("Signature", &signature.into(), "base64"))?;
        let unreadable = |_| ApiError::forbidden("what lies at SigningCertURL is not a certificate in PEM");
        let certificate = CertificateDer::from_pem_slice(certificate).map_err(|_| unreadable(()))?;
        let certificate = EndEntityCert::try_from(&certificate).map_err(|_| unreadable(()))?;
        certificate
            .verify_signature(&algorithm, self.signed_text()?.as_bytes(), &signature)
            .map_err(|_| ApiError::forbidden("Signature is not that of the message"))
    }

    /// What is signed: names and values, each on a line, in the order of the names.
    fn signed_text(&self) -> Result<String, ApiError> {
        let names: &[&str] = match self.kind {
            MessageKind::Notification => {
                &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
            }
            _ => &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
        };
        let mut text = String::new();
        for name in names {
            match self.fields.get(*name) {
                Some(Value::String(value)) => {
                    for line in [*name, value.as_str()] {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
                None | Some(Value::Null) if *name == "Subject" => {}
                _ => return Err(ApiError::missing_field(name)),
            }
        }
        Ok(text)
    }

    /// The alarm that a notification tells of.
    fn alarm(&self) -> Result<Push, ApiError> {
        const STATES: Words =
            Words { up: &["OK"], down: &["ALARM"], warning: &[], silent: &["INSUFFICIENT_DATA"] };
        let alarm = nested(&self.fields, "Message")?;
        let name = required(&alarm, &["AlarmName"])?;
        let state = STATES.state("Message.NewStateValue", &required(&alarm, &["NewStateValue"])?)?;
        Ok(state.map_or_else(Push::nothing, |state| Push::report(vec![("alarm_name", name)], state)))
    }
}

/// What a message of SNS says. Whether SNS sent it is not checked here.
pub(super) fn cloudwatch(_: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    let message = Message::read(sent)?;
    match message.kind {
        MessageKind::Notification => message.alarm(),
        _ => Ok(Push::nothing()),
    }
}

/// Whether a URL is one of SNS: https, its port, no user, and a host `sns.REGION.amazonaws.com` (or `.cn`).
pub(crate) fn is_of_sns(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let host = authority.as_str().strip_suffix(":443").unwrap_or(authority.as_str());
    let region = host.strip_prefix("sns.").and_then(|rest| {
        let rest = rest.strip_suffix(".cn").unwrap_or(rest);
        rest.strip_suffix(".amazonaws.com")
    });
    let is_region = |region: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (3..=40).contains(&region.len()) && region.bytes().all(plain)
    };
    uri.scheme_str() == Some("https") && region.is_some_and(is_region)
}

/// Whether a URL of SNS is that of a certificate. Its other addresses are calls of an API, whose replies can quote
/// what anyone has stored there, such as a certificate of one's own.
fn is_certificate_file(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let number =
        uri.path().strip_prefix("/SimpleNotificationService-").and_then(|rest| rest.strip_suffix(".pem"));
    uri.query().is_none()
        && number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// RSA with PKCS #1 v1.5 padding. The older version of the signature rests on SHA-1, which certificates no
/// longer do, so the certificate library leaves it to us.
#[derive(Debug)]
struct RsaSignature(&'static RsaParameters);

impl SignatureVerificationAlgorithm for RsaSignature {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(self.0, key).verify(message, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        // Not looked at: the message names its algorithm by itself.
        alg_id::RSA_PKCS1_SHA256
    }
}
