//! `synod user`: keys and certificates of users.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use synod_channel::KeyFiles;

use crate::clock;
use crate::files::{self, Readers};
use crate::member_key::fresh_seed;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// Makes the key and the certificate of a user
#[derive(Args, Debug)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Subcommand, Debug)]
enum UserCommand {
    /// Writes NAME.key (mode 0600) and NAME.pem, and prints the fingerprint that members need to
    /// admit the user
    #[command(after_help = "Example:
  synod user keygen bob --out keys
  synod member act set-user bob FINGERPRINT --role read --role write --key alice.key --out bob.act")]
    Keygen {
        /// The user's name
        name: String,
        /// The folder for the files
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
        /// For how many days the certificate is valid
        #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=3650))]
        days: u64,
    },
}

pub(crate) fn run(args: &UserArgs, output: Output) -> Outcome {
    let UserCommand::Keygen { name, out, days } = &args.command;
    files::make_folder(out)?;
    let keys = generate(name, *days)?;
    let (cert, key) = (
        out.join(format!("{name}.pem")),
        out.join(format!("{name}.key")),
    );
    files::create(&key, keys.key.as_bytes(), Readers::Owner)?;
    files::create(&cert, keys.certificate.as_bytes(), Readers::Everybody)?;
    let fingerprint = keys.fingerprint.to_string();
    let data = json!({ "name": name, "certificate": cert, "key": key, "fingerprint": fingerprint });
    output.result(&data, || fingerprint.clone())
}

/// A fresh key with a certificate of its own.
pub(crate) fn generate(name: &str, days: u64) -> Outcome<KeyFiles> {
    let now_ms = clock::now_ms();
    // A minute of grace, for clocks that go slow.
    let from_ms = now_ms.saturating_sub(60_000);
    KeyFiles::generate(
        &fresh_seed()?,
        name,
        from_ms,
        now_ms + days * 24 * 3600 * 1000,
    )
    .map_err(Failure::mistake)
}
