//! The rules for AWS Nitro, held against claims.

use crate::{
    nitro::claims::NitroClaims,
    policy::{check::Check, rule::Rule, rules::nitro::NitroRules},
};

pub(super) fn debug(nitro: &NitroClaims, rules: NitroRules) -> Check {
    let name = "debug (PCR0 to PCR2 are zero)";
    Check::absent(
        Rule::NotDebug,
        nitro.debug(),
        rules.dangerous_allow_debug,
        name,
    )
    .of("nitro.pcrs")
    .key("nitro.dangerous_allow_debug")
}
