/**
 * The host in a component: what it imports. The build leaves those interfaces that the manifest admits, and puts in
 * place of the others functions that say so.
 */

import * as admitted from "synod:admitted";
import * as caller from "synod:app/caller@0.1.0";
import * as claims from "synod:app/claims@0.1.0";
import * as ledgerTime from "synod:app/ledger-time@0.1.0";
import * as log from "synod:app/log@0.1.0";
import * as mapWrites from "synod:app/map-writes@0.1.0";
import * as maps from "synod:app/maps@0.1.0";
import * as random from "synod:app/random@0.1.0";
import * as transaction from "synod:app/transaction@0.1.0";

export { admitted, caller, claims, ledgerTime, log, mapWrites, maps, random, transaction };
