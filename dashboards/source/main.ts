// Writes every dashboard into the folder that is named.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exporter } from './exporter';
import { fleet } from './fleet';
import { finished, published } from './frame';
import { instance } from './instance';
import { spot } from './spot';

for (const [name, builder] of Object.entries({ exporter, fleet, instance, spot })) {
  const text = JSON.stringify(finished(builder.build()), published, 2);
  writeFileSync(join(process.argv[2], `${name}.json`), `${text}\n`);
}
