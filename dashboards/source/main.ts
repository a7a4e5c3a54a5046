// Writes every dashboard into the folder that is named.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exporter } from './exporter';
import { fleet } from './fleet';
import { finished } from './frame';
import { instance } from './instance';
import { spot } from './spot';

for (const [name, builder] of Object.entries({ exporter, fleet, instance, spot })) {
  writeFileSync(join(process.argv[2], `${name}.json`), `${JSON.stringify(finished(builder.build()), null, 2)}\n`);
}
