"""Writes a document for schemathesis, so that what it makes up gets past rules that a schema cannot
say: ids of the demo's records, numbers and zones that exist, one contact that is preferred."""

import datetime
import json
import sys

# What callers may send back as they read it. Made-up ids never match, and would hide every other
# rule of the body behind their 400.
ECHOES = {
    "organizations": "id name status partner enrollment_token created_at updated_at",
    "tenants": "id client_id tenant_id created_at updated_at",
    "workspace": "id createdAt updatedAt",
    "customer-success": "id uuid tenantId createdTime modifiedTime parentClient clientType",
}

# What of a definition of a field may be sent back.
FIELD_ECHOES = "id key type order status createdAt updatedAt"

# What a key that nobody has defined can have.
VALUE = {"anyOf": [{"type": "string", "maxLength": 2000, "pattern": "^[^\\u0000]*$"}, {"type": "null"}]}

# The demo's devices, a user and a department of the first client.
DEVICES = [f"f1e2d3c4-b5a6-7890-abcd-ef123456789{n}" for n in range(4)]
USER = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
DEPARTMENT = "d1e2f3a4-b5c6-7890-abcd-ef1234567890"

CLIENTS = ["aa7cf840-9ca9-46a3-9778-9015d6580d50", "aa7cf840-9ca9-46a3-9778-9015d6580d51"]


TENANT = ["tenant123", "b2c3d4e5-f6a7-8901-bcde-f12345678901", "65A000000000000000000123"]

# By surface, parameters of paths and what there is of them. Made-up ids would only be answered 404.
IDS = {
    "tenants": {"tenant_id": TENANT, "id": [456, 457]},
    "workspace": {
        "workspace_id": TENANT,
        "client_id": ["507f1f77bcf86cd799439011", "507F1F77BCF86CD799439011"],
    },
}


def known(document, ids):
    for path in document["paths"].values():
        for method in ("get", "patch", "post"):
            for parameter in path.get(method, {}).get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in ids:
                    parameter["schema"] = {"enum": ids[parameter["name"]]}


def controlled(document):
    """Who is below a client is below this one."""
    for name, path in document["paths"].items():
        below = [one for one in ("{device_id}", "{user_id}", "{department_id}") if one in name]
        if below:
            part = {"paths": {name: path}}
            user, department = {"user_id": [USER]}, {"department_id": [DEPARTMENT]}
            known(part, {"client_id": CLIENTS[:1], "device_id": DEVICES, **user, **department})


def own_keys(document):
    """The example of a key would make every call a repeat of the first."""
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "Idempotency-Key":
                    parameter.pop("example", None)
                    parameter.pop("examples", None)


def narrow(schemas, surface, role):
    if surface == "workspace":
        workspace(schemas)
    elif surface == "customer-success":
        for name in ("ClientPatch", "ClientInput"):
            customer_success(schemas[name]["properties"])
        for name in ("ClientInput", "ClientTypeInput"):
            own_tenant(schemas[name], "tenantId", role)
    elif surface == "tenants":
        for name in ("ClientPatch", "ClientInput"):
            mails = ["office@acme.example", "j+d@example.org", "", None]
            schemas[name]["properties"]["email"] = {"enum": mails}
    elif surface == "organizations":
        organizations(schemas["ApiTokenInput"], role)
        own_tenant(schemas["ClientInput"], "tenant", role)
        schemas["EnrollmentTokenInput"]["properties"]["expires_at"] = {"enum": [*later(), None]}
        del schemas["TenantPatch"]["properties"]["id"]
        del schemas["TenantPatch"]["properties"]["object_id"]
        # Nobody waits here for an answer that another change would bring.
        schemas["CheckIn"]["properties"]["wait_seconds"] = {"enum": [0, None]}
        # There is no way back from it, for all clients at once.
        modes = ["discovery", "saas_usage", "disabled"]
        schemas["BulkPatch"]["properties"]["collection_mode"] = {"enum": modes}


def own_tenant(body, name, role):
    """An operator must name the tenant; everyone else can only name their own."""
    operator = role == "operator"
    body["properties"][name] = {"enum": ["tenant123"] if operator else ["tenant123", None]}
    if operator:
        body["required"] = [*body["required"], name]


def later():
    now = datetime.datetime.now(datetime.timezone.utc)
    return [(now + datetime.timedelta(days=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in (1, 7, 20)]


def workspace(schemas):
    def contact(preferred):
        def kind(names, value):
            flag = {"const": preferred}
            properties = {"type": {"enum": names}, "value": value, "isPreferred": flag}
            return {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            }

        numbers = {"enum": ["+49 30 901820", "+1 (202) 456-1111", "030 901820", "1234"]}
        mails = {"enum": ["jane@example.com", "j+d@example.org"]}
        other = {"type": "string", "minLength": 1, "pattern": "[^\\s\\u0000]"}
        return {
            "anyOf": [
                kind(["phone", "whatsapp", "fax"], numbers),
                kind(["email"], mails),
                kind(["other"], other),
            ]
        }

    for name in FIELD_ECHOES.split():
        del schemas["FieldPatch"]["properties"][name]
    # Nobody could make a client without it any more.
    for name in ("FieldInput", "FieldPatch"):
        schemas[name]["properties"]["isRequired"] = {"const": False}
    schemas["CustomFieldInput"]["properties"]["value"] = VALUE
    del schemas["CustomFieldInput"]["properties"]["fieldId"]
    patch = schemas["ClientPatch"]
    patch["anyOf"] = [{"required": [name]} for name in patch["properties"]]
    avatars = ["https://example.com/a.png", "HTTP://10.0.0.1:8080", "https://b\u00fccher.example/"]
    for body in (patch, schemas["ClientInput"]):
        methods = body["properties"]["contactMethods"]
        methods["prefixItems"] = [contact(True)]
        methods["items"] = contact(False)
        body["properties"]["avatarUrl"] = {"enum": [None, *avatars]}


def customer_success(properties):
    properties["custom"]["additionalProperties"] = VALUE
    properties["timezone"] = {"enum": [None, "", "Europe/Berlin", "America/Chicago", "UTC"]}
    properties["clientTypeId"] = {"enum": [None, 1, 2, 3]}
    properties["clientTypeTitle"] = {"enum": [None, "", "Enterprise", "Mid-market", "Startup"]}
    properties["parentClientId"] = {"enum": [None, 457]}


def organizations(token, role):
    properties = token["properties"]
    operator = role == "operator"
    properties["tenant"] = {"enum": ["tenant123"] if operator else ["tenant123", None]}
    properties["client_ids"]["items"] = {"enum": CLIENTS}
    properties["client_ids"]["maxItems"] = len(CLIENTS)
    # An operator must name the tenant; what an admin gives must not outlive its own token.
    needed = ["name", "tenant" if operator else "expires_at"]
    days = later()
    properties["expires_at"] = {"enum": [*days, None] if operator else days}
    del properties["role"], properties["permissions"]
    roles = {"enum": ["viewer", "member", "admin"]}
    names = ["clients.view", "clients.update", "collection.update", "audit.view"]
    permissions = {"type": "array", "minItems": 1, "items": {"enum": names}}
    either = []
    for name, schema in (("role", roles), ("permissions", permissions)):
        one = {**token, "properties": {**properties, name: schema}}
        either.append({**one, "required": [*needed, name]})
    token.clear()
    token["anyOf"] = either


def device(document, schemas):
    # The last word of a device, after which its token opens nothing.
    del document["paths"]["/v2/agent/uninstalled"]
    schemas["DeviceInput"]["properties"]["unique_key"] = {"enum": ["conformance"]}
    usage = schemas["UsageRecord"]["properties"]
    now = datetime.datetime.now(datetime.timezone.utc)
    hours = [now - datetime.timedelta(hours=n) for n in (1, 30, 300)]
    usage["started_at"] = {"enum": [hour.strftime("%Y-%m-%dT%H:%M:%SZ") for hour in hours]}


def main():
    source, target, surface, role = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        document = json.load(file)
    schemas = document["components"]["schemas"]
    for name in ECHOES.get(surface, "").split():
        del schemas["ClientPatch"]["properties"][name]
    narrow(schemas, surface, role)
    if role == "device":
        device(document, schemas)
    known(document, IDS.get(surface, {}))
    if surface == "organizations":
        controlled(document)
    own_keys(document)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(document, file)


main()
