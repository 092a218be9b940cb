#!/usr/bin/env node
/** `synod-app-build [DIR]`: builds the app in the folder, or in this one. */

import { BuildError, build } from "../src/build.js";

try {
  const { path, size, milliseconds } = await build(process.argv[2] ?? ".");
  console.log(`${path}: ${size} bytes, in ${milliseconds} ms`);
} catch (error) {
  if (!(error instanceof BuildError)) {
    throw error;
  }
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
