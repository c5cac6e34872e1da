//! The five published calls, as their documents show them.

use clientbook_testkit::{ACME, ACME_OBJECT, TestApp};
use serde_json::json;

#[tokio::test]
async fn one_record_four_doors() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let v2 = format!("/v2/clients/{ACME}");
    let read = admin.get(&v2).await.expect(200);
    assert_eq!(
        read.text,
        concat!(
            r#"{"id":"aa7cf840-9ca9-46a3-9778-9015d6580d50","name":"Acme Corporation","#,
            r#""status":"active","collection_mode":"saas_usage","partner":{"#,
            r#""id":"b2c3d4e5-f6a7-8901-bcde-f12345678901","name":"TechPartner Inc."},"#,
            r#""enrollment_token":{"id":"e1f2a3b4-c5d6-7890-abcd-ef1234567890","#,
            r#""value":"enroll_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6","#,
            r#""description":"Default enrollment token","site_id":null,"status":"active","#,
            r#""max_uses":null,"remaining_uses":null,"expires_at":null,"#,
            r#""created_at":"2026-01-15T10:00:00.000Z"},"#,
            r#""created_at":"2025-06-01T00:00:00.000Z","#,
            r#""updated_at":"2026-02-20T12:00:00.000Z"}"#
        )
    );
    let workspace = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let body = json!({
        "name": "Jane Doe",
        "avatarUrl": "https://example.com/new-avatar.jpg",
        "contactMethods": [{ "type": "email", "value": "jane@example.com", "isPreferred": true }],
        "customFields": [{ "fieldKey": "notes", "value": "Updated notes" }],
    });
    let renamed = admin.patch(&workspace, &body).await.expect(200);
    assert_eq!(
        renamed.text,
        concat!(
            r#"{"client":{"id":"507f1f77bcf86cd799439011","name":"Jane Doe","#,
            r#""avatarUrl":"https://example.com/new-avatar.jpg","#,
            r#""contactMethods":[{"type":"email","value":"jane@example.com","isPreferred":true}],"#,
            r#""customFields":[{"fieldId":null,"fieldKey":"notes","value":"Updated notes"}],"#,
            r#""createdAt":"2025-06-01T00:00:00Z","updatedAt":"2026-03-10T14:30:00Z"}}"#
        )
    );
    assert_eq!(admin.get(&v2).await.expect(200).json()["name"], "Jane Doe");
}
