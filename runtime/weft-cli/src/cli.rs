//! The command line: every verb, and who carries it out.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::commands::block_on;
use crate::commands::{
    audit, backup, build, completions, connections, deploy, dev, doctor, entities, expr, functions,
    inspect, instances, keys, logs, new, revisions, secrets, start, tenants, test, up, usage,
    workflows,
};
use crate::context::Target;

/// Serverless functions as WebAssembly components, sequenced durably
#[derive(Debug, Parser)]
#[command(name = "weft", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a node
    Up(up::Args),
    /// Make a project from a template
    New(new::Args),
    /// Build the components of ./weft.toml
    Build(build::Args),
    /// Build, run and deploy; again whenever a file changes
    Dev(dev::Args),
    /// Deploy a project, one component or a workflow
    Deploy(deploy::Args),
    /// Start an orchestration
    Start(start::Args),
    /// Functions: list, show, invoke, delete
    #[command(subcommand)]
    Functions(functions::Command),
    /// Declarative workflows: list, show, delete
    #[command(subcommand)]
    Workflows(workflows::Command),
    /// Orchestrations: list, show, history, and what can be done to them
    #[command(subcommand)]
    Instances(instances::Command),
    /// Entities: list, show, signal, delete
    #[command(subcommand)]
    Entities(entities::Command),
    /// Deployed revisions: list, activate
    #[command(subcommand)]
    Revisions(revisions::Command),
    /// Secrets of an app: list, set, delete
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Connections of an app's workflows: list, show, set, delete
    #[command(subcommand)]
    Connections(connections::Command),
    /// API keys: create, list, rotate, delete
    #[command(subcommand)]
    Keys(keys::Command),
    /// Tenants: create, list, delete, their quotas
    #[command(subcommand)]
    Tenants(tenants::Command),
    /// What a tenant uses and keeps, beside its quota
    Usage,
    /// Who managed what, the newest first
    Audit(audit::Args),
    /// Copy a node's data, while it runs or not
    Backup(backup::BackupArgs),
    /// Make a node's data of a backup
    Restore(backup::RestoreArgs),
    /// Print what the functions of an app log
    Logs(logs::Args),
    /// Show what a component on this machine holds, or what a deployed function may reach
    Inspect(inspect::Args),
    /// Find out what is missing, and what to do about it
    Doctor(doctor::Args),
    /// Evaluate an expression of the workflow language
    Expr(expr::Args),
    /// Run scenarios of workflows, without a node and without waiting
    Test(test::Args),
    /// Print completions for a shell
    Completions(completions::Args),
    /// Run guests of a tenant; started by the node itself
    #[command(hide = true)]
    GuestHost {
        /// What the node tells it, in JSON
        setup: String,
    },
    /// Compile one upload; started by the node itself
    #[command(hide = true)]
    Compile,
    /// Run one script of a workflow; started by the node itself
    #[command(hide = true)]
    Script,
}

pub(crate) fn run(cli: Cli) -> Result<ExitCode> {
    let target = &cli.target;
    let done = match cli.command {
        Command::Compile => return Ok(weft_server::compile()),
        Command::GuestHost { setup } => return Ok(weft_server::guest_host(&setup)),
        Command::Script => return Ok(weft_server::script()),
        Command::Up(args) => up::run(args),
        Command::Dev(args) => dev::run(args, target),
        Command::New(args) => new::run(&args, target),
        Command::Build(args) => build::run(&args, target),
        Command::Inspect(args) => inspect::run(&args, target),
        Command::Backup(args) => backup::backup(&args, target),
        Command::Restore(args) => backup::restore(&args, target),
        Command::Test(args) => return test::run(&args, target),
        Command::Completions(args) => completions::run(&args),
        Command::Deploy(args) => block_on(deploy::run(args, target)),
        Command::Start(args) => block_on(start::run(args, target)),
        Command::Functions(command) => block_on(functions::run(command, target)),
        Command::Workflows(command) => block_on(workflows::run(command, target)),
        Command::Instances(command) => block_on(instances::run(command, target)),
        Command::Entities(command) => block_on(entities::run(command, target)),
        Command::Revisions(command) => block_on(revisions::run(command, target)),
        Command::Secrets(command) => block_on(secrets::run(command, target)),
        Command::Connections(command) => block_on(connections::run(command, target)),
        Command::Keys(command) => block_on(keys::run(command, target)),
        Command::Tenants(command) => block_on(tenants::run(command, target)),
        Command::Usage => block_on(usage::run(target)),
        Command::Audit(args) => block_on(audit::run(&args, target)),
        Command::Logs(args) => block_on(logs::run(args, target)),
        Command::Doctor(args) => block_on(doctor::run(args, target)),
        Command::Expr(args) => expr::run(&args, target),
    };
    done.map(|()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_and_argument_says_what_it_does() {
        fn check(command: &clap::Command) {
            for verb in command.get_subcommands() {
                assert!(verb.get_about().is_some(), "{}", verb.get_name());
                for arg in verb.get_arguments() {
                    let name = arg.get_id();
                    assert!(arg.get_help().is_some(), "{} {name}", verb.get_name());
                }
                check(verb);
            }
        }
        check(&Cli::command());
    }
}
