//! TLS: only certificates that are trusted.

use crate::device::Device;
use crate::double::{Double, ENROLLMENT_TOKEN};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::Arc;

/// A server with a certificate for this name, and the PEM of the authority that signed it.
pub(crate) fn server(name: &str) -> (Double, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap();
    (Double::start_tls(config), authority.pem())
}

#[test]
fn a_server_with_a_trusted_certificate_is_spoken_to() {
    let (server, authority) = server("127.0.0.1");
    let mut device = Device::new();
    device.write("ca.pem", &authority);
    let ca = device.dir.path().join("system/ca.pem");
    device.enroll(&server, &["--ca", ca.to_str().unwrap()]);
    device.run();
    server.wait_until("usage", |state| !state.records.is_empty());
    // The file was for enrolling.
    device.terminate();
    std::fs::remove_file(ca).unwrap();
    let before = server.state().records.len();
    device.run();
    server.wait_until("more usage", |state| state.records.len() > before);
    server.change(|state| state.set_mode("deleted"));
    assert_eq!(device.wait_for_end(), Some(0));
    assert_eq!(server.state().last_words, 1);
}

#[test]
fn any_other_is_not_told_a_thing() {
    for (name, trusted) in [("127.0.0.1", false), ("another.test", true)] {
        let (server, authority) = server(name);
        let device = Device::new();
        device.write("ca.pem", &authority);
        let ca = device.dir.path().join("system/ca.pem");
        let more = ["--ca", ca.to_str().unwrap()];
        let more = if trusted { &more[..] } else { &[] };
        let refusal = device.try_enroll(&server.url(), ENROLLMENT_TOKEN, more);
        assert!(!refusal.status.success());
        assert!(String::from_utf8_lossy(&refusal.stderr).contains("certificate"), "{refusal:?}");
        assert_eq!(server.state().bytes_after(0), "");
    }
}
