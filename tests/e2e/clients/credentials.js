// The credential that @alicloud/credentials finds, as JSON: by way of the instance's role when the
// argument is "ecs_ram_role", by way of the chain that applications get by default without one.
'use strict';

const { default: Credential, Config } = require('@alicloud/credentials');

async function main(type) {
  // A minute instead of its second: the machine may be busy.
  const config = type && new Config({ type, timeout: 60000, connectTimeout: 60000 });
  const credential = await new Credential(config).getCredential();
  const { accessKeyId, accessKeySecret, securityToken } = credential;
  console.log(JSON.stringify({ accessKeyId, accessKeySecret, securityToken }));
}

main(process.argv[2]).then(
  () => process.exit(0), // it may have timers of its own
  (error) => {
    console.error(error.message);
    process.exit(1);
  });
