/** The app's log: bounded, kept inside the TEE, for members and the app's owner. */

import * as host from "#host";

export const log = {
  /** Whether the app's manifest admits `log`. */
  admitted: host.admitted.log,
  debug: (message) => host.log.write("debug", message),
  info: (message) => host.log.write("info", message),
  warn: (message) => host.log.write("warn", message),
  error: (message) => host.log.write("error", message),
};
