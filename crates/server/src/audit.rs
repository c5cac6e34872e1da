//! `clientbook audit verify`: reads the trail beside a server that runs, or without one.

use crate::cli::AuditVerify;
use crate::failure::Failure;
use crate::{checkpoint, log, output, settings, store};
use clientbook_app::{App, AppError, AuditFault, AuditReport, AuditScope, Env};
use clientbook_model::id::TenantId;
use serde::Serialize;
use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

/// Checks the chains and prints what was found; a chain that is not intact is exit code 1.
pub(crate) fn verify(args: AuditVerify) -> Result<ExitCode, Failure> {
    log::start(settings::log_filter("warn").map_err(Failure::Setting)?);
    let app = App::inspect(store::to_read(&args.database)?, Env::system());
    let scope = AuditScope { tenant: args.tenant, client: args.client };
    let against = args.against.as_deref();
    if let Some(path) = against {
        checkpoint::check(path, args.public_key)?;
    }
    let against = against.map(checkpoint::open).transpose()?;
    let report = crate::runtime()?.block_on(look(&app, scope, against))?;
    let lines = if args.json { json(&report) } else { text(&report) };
    output::print(&lines).map_err(|error| {
        Failure::Failed(format!("what was found could not be printed: {error}"))
    })?;
    Ok(if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(
    app: &App,
    scope: AuditScope,
    against: Option<BufReader<File>>,
) -> Result<AuditReport, AppError> {
    app.check_whole().await?;
    let lost = match against {
        Some(file) => app.verify_against(file, &scope).await?,
        None => Vec::new(),
    };
    let mut report = match app.verify_audit(scope).await {
        // Of a client that was removed the checkpoint alone tells.
        Err(AppError::NotFound(_)) if !lost.is_empty() => AuditReport::default(),
        report => report?,
    };
    report.faults.extend(lost);
    Ok(report)
}

fn text(report: &AuditReport) -> String {
    let counted = format!("{} chains, {} entries", report.chains, report.entries);
    if report.faults.is_empty() {
        return format!("{counted}: intact");
    }
    let mut lines: Vec<_> = report
        .faults
        .iter()
        .map(|fault| {
            format!("tenant {}, chain {}: {}", fault.tenant_id, fault.chain_id, fault.what)
        })
        .collect();
    lines.push(format!("{counted}: {} NOT INTACT", report.faults.len()));
    lines.join("\n")
}

#[derive(Serialize)]
struct ReportView<'a> {
    intact: bool,
    chains: u64,
    entries: u64,
    faults: Vec<FaultView<'a>>,
}

#[derive(Serialize)]
struct FaultView<'a> {
    tenant_id: TenantId,
    chain_id: String,
    what: &'a str,
}

fn view(fault: &AuditFault) -> FaultView<'_> {
    FaultView {
        tenant_id: fault.tenant_id,
        chain_id: fault.chain_id.to_string(),
        what: &fault.what,
    }
}

fn json(report: &AuditReport) -> String {
    output::json(&ReportView {
        intact: report.faults.is_empty(),
        chains: report.chains,
        entries: report.entries,
        faults: report.faults.iter().map(view).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_is_wrong_and_where() {
        let mut report = AuditReport { chains: 2, entries: 3, faults: Vec::new() };
        assert_eq!(text(&report), "2 chains, 3 entries: intact");
        let chain_id = TenantId::SYSTEM.0;
        let what = "entry 2 is missing".to_owned();
        report.faults.push(AuditFault { tenant_id: TenantId::SYSTEM, chain_id, what });
        let nil = "00000000-0000-0000-0000-000000000000";
        assert_eq!(
            text(&report),
            format!(
                "tenant {nil}, chain {nil}: entry 2 is missing\n2 chains, 3 entries: 1 NOT INTACT"
            )
        );
        assert_eq!(
            json(&report),
            format!(
                r#"{{"intact":false,"chains":2,"entries":3,"faults":[{{"tenant_id":"{nil}","chain_id":"{nil}","what":"entry 2 is missing"}}]}}"#
            )
        );
    }
}
