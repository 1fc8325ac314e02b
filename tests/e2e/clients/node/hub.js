// What the scenarios of the Durable Task SDK for JavaScript share: `FILE ADDRESS KEY`.
"use strict";

const { Metadata, credentials } = require("@grpc/grpc-js");
const { NoOpLogger } = require("@microsoft/durabletask-js");

const [address, key] = process.argv.slice(2);

async function metadataGenerator() {
  const metadata = new Metadata();
  if (key) {
    metadata.set("authorization", `Bearer ${key}`);
  }
  return metadata;
}

module.exports = {
  // Seconds that a scenario waits for what must come.
  LIMIT: 30,
  options: {
    hostAddress: address,
    credentials: credentials.createInsecure(),
    metadataGenerator,
    logger: new NoOpLogger(),
  },
};
