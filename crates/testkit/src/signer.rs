//! Keys that sign tokens, made once for each test binary.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// An RSA key of 2,048 bits.
pub static RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);
/// Another one.
pub static SECOND_RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);
/// A key on the curve P-256.
pub static P256: LazyLock<Signer> = LazyLock::new(Signer::p256);
/// Another one.
pub static SECOND_P256: LazyLock<Signer> = LazyLock::new(Signer::p256);
/// An Ed25519 key.
pub static ED25519: LazyLock<Signer> = LazyLock::new(Signer::ed25519);

/// A key that signs tokens, whatever they say.
pub struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    /// Its public half as a JWK, without an id.
    public: Value,
    /// Its public half in every form that somebody could take for a secret.
    published: Vec<Vec<u8>>,
}

impl Signer {
    fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
        let private: Pkcs8V1Der = pair.as_der().expect("PKCS #8");
        // In PKCS #8 (RFC 5208) the PKCS #1 key, which a signer wants, follows a head that has 26
        // bytes at this size.
        let key = EncodingKey::from_rsa_der(&private.as_ref()[26..]);
        let public = pair.public_key();
        let (n, e) = (public.modulus(), public.exponent());
        let modulus = n.big_endian_without_leading_zero();
        let exponent = e.big_endian_without_leading_zero();
        let jwk = json!({ "kty": "RSA", "n": encoded(modulus), "e": encoded(exponent) });
        let spki: PublicKeyX509Der = public.as_der().expect("SPKI");
        let pem = pem(spki.as_ref());
        let published = vec![
            pem.trim_end().as_bytes().to_vec(),
            pem.into_bytes(),
            spki.as_ref().to_vec(),
            public.as_ref().to_vec(),
            modulus.to_vec(),
            encoded(modulus).into_bytes(),
        ];
        Self { algorithm: Algorithm::RS256, key, public: jwk, published }
    }

    fn p256() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let private = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
        let private = private.expect("a P-256 key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref()).expect("PKCS #8");
        let point = pair.public_key().as_ref();
        // 4, then both coordinates.
        let (x, y) = point[1..].split_at(32);
        Self {
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_der(private.as_ref()),
            public: json!({ "kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y) }),
            published: vec![point.to_vec()],
        }
    }

    fn ed25519() -> Self {
        let private = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("an Ed25519 key");
        let pair = Ed25519KeyPair::from_pkcs8(private.as_ref()).expect("PKCS #8");
        let point = pair.public_key().as_ref();
        Self {
            algorithm: Algorithm::EdDSA,
            key: EncodingKey::from_ed_der(private.as_ref()),
            public: json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(point) }),
            published: vec![point.to_vec()],
        }
    }

    /// A shared secret.
    pub fn secret(secret: &[u8]) -> Self {
        let key = EncodingKey::from_secret(secret);
        Self { algorithm: Algorithm::HS256, key, public: Value::Null, published: Vec::new() }
    }

    /// The name of its algorithm.
    pub fn algorithm(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    /// Its public half as a JWK.
    pub fn jwk(&self, id: &str) -> Value {
        let mut jwk = self.public.clone();
        jwk["kid"] = json!(id);
        jwk
    }

    /// Its public half in every form that somebody could take for a secret: PEM, DER, raw.
    pub fn published(&self) -> &[Vec<u8>] {
        &self.published
    }

    /// A token with a usual header.
    pub fn sign(&self, id: &str, claims: &Value) -> String {
        self.sign_with(&json!({ "typ": "JWT", "alg": self.algorithm(), "kid": id }), claims)
    }

    /// A token with any header; the signature is this key's, whatever the header says.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm);
        format!("{message}.{}", signature.expect("a signature"))
    }
}

fn part(value: &Value) -> String {
    encoded(value.to_string().as_bytes())
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// RFC 7468.
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
    let body: String = lines.collect();
    format!("-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n")
}
