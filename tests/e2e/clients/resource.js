// The attributes that @opentelemetry/resource-detector-alibaba-cloud detects, as JSON.
'use strict';

const { alibabaCloudEcsDetector } = require('@opentelemetry/resource-detector-alibaba-cloud');
const { detectResources } = require('@opentelemetry/resources');

async function main() {
  const resource = detectResources({ detectors: [alibabaCloudEcsDetector] });
  await resource.waitForAsyncAttributes();
  console.log(JSON.stringify(resource.attributes));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
