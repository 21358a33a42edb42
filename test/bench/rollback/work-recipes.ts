// Ordinary work as it is done on servers: each a shell script in a folder of its own, with a corpus of company files in $CORPUS.
// They stay offline, take a few seconds, and look as much like ransomware as honest work does.

export interface Tool {
  /** A command on the PATH, or a file. */
  readonly provides: string;
  /** Debian's package with it. */
  readonly package: string;
  /** Not installed by the benchmark: it would begin to serve, or Debian's is of no use here. */
  readonly byHand?: true;
}

export interface Recipe {
  readonly name: string;
  readonly needs: readonly Tool[];
  /** Bash, before the work is timed. */
  readonly prepare?: string;
  /** Bash; its end with anything but 0 is a failure of the recipe. */
  readonly work: string;
}

const npm: Tool = { provides: 'npm', package: 'npm', byHand: true };
/** What a person seals at a time: more originals that give way to their ciphertext within a minute are an attack. */
const sealedFiles = 30;
const eachOfFew = (command: string): string =>
  `find "$CORPUS" -type f -print0 | head -z -n ${sealedFiles} | while IFS= read -r -d '' file; do ${command}; done`;

/** Three packages of 150 files as tarballs, and a project with a lockfile that wants them. */
const npmProject = `
  export npm_config_cache="$PWD/cache" npm_config_update_notifier=false
  for name in one two three; do
    mkdir -p "packages/$name/lib"
    echo "{\\"name\\":\\"sample-$name\\",\\"version\\":\\"1.0.0\\"}" > "packages/$name/package.json"
    for number in $(seq 150); do echo "module.exports = $number; // $name" > "packages/$name/lib/part-$number.js"; done
    npm pack --silent "./packages/$name" > /dev/null
  done
  mkdir project
  echo '{"name":"project","version":"1.0.0","dependencies":{"sample-one":"file:../sample-one-1.0.0.tgz",
    "sample-two":"file:../sample-two-1.0.0.tgz","sample-three":"file:../sample-three-1.0.0.tgz"}}' > project/package.json
  (cd project && npm install --silent --offline --no-audit --no-fund && rm -rf node_modules)`;

const npmCi = `
  export npm_config_cache="$PWD/cache" npm_config_update_notifier=false
  (cd project && npm ci --silent --offline --no-audit --no-fund)`;

/** Also measured with and without the agent. */
export const npmRecipe: Recipe = { name: 'npm ci', needs: [npm], prepare: npmProject, work: npmCi };

export const recipes: readonly Recipe[] = [
  {
    name: 'apt install, upgrade, purge',
    needs: [{ provides: 'apt-get', package: 'apt', byHand: true }],
    prepare: `
      for version in 1 2; do
        tree="tree-$version" && mkdir -p "$tree/DEBIAN" "$tree$PWD/installed"
        printf 'Package: norn-bench-sample\\nVersion: %s\\nArchitecture: all\\nMaintainer: norn bench <root@localhost>\\nDescription: sample\\n' \\
          "$version" > "$tree/DEBIAN/control"
        for number in $(seq 200); do echo "version $version of $number" > "$tree$PWD/installed/file-$number.conf"; done
        dpkg-deb --root-owner-group -b "$tree" "norn-bench-sample_$version.deb" > /dev/null
      done`,
    work: `
      apt="apt-get -qq -y -o DPkg::Lock::Timeout=60 -o APT::Sandbox::User=root"
      export DEBIAN_FRONTEND=noninteractive
      trap '$apt purge norn-bench-sample > /dev/null' EXIT
      $apt install ./norn-bench-sample_1.deb > /dev/null
      $apt install ./norn-bench-sample_2.deb > /dev/null`,
  },
  {
    name: 'tar and untar',
    needs: [],
    work: 'tar -czf all.tgz -C "$CORPUS" . && rm -rf "$CORPUS" && mkdir "$CORPUS" && tar -xzf all.tgz -C "$CORPUS"',
  },
  {
    name: 'git clone, commit, gc',
    needs: [{ provides: 'git', package: 'git' }],
    prepare: `
      git init -q origin && cp -r "$CORPUS" origin/company && cd origin
      git config user.email bench@localhost && git config user.name bench && git add . && git commit -qm one`,
    work: `
      git clone -q --no-hardlinks origin copy && cd copy
      git config user.email bench@localhost && git config user.name bench
      find company -type f -name '*.txt' -exec sed -i 's/invoice/bill/g' {} + && git commit -qam two
      git checkout -q HEAD~1 && git checkout -q - && git gc -q --aggressive --prune=now`,
  },
  npmRecipe,
  {
    name: 'cargo build, clean',
    needs: [{ provides: 'cargo', package: 'cargo' }],
    prepare: 'cargo init -q --vcs none --name tiny tiny',
    work: `cd tiny && cargo build -q --offline && echo 'fn main() { println!("again"); }' > src/main.rs
      cargo build -q --offline && cargo clean -q`,
  },
  {
    name: 'rsync, twice, in place',
    needs: [{ provides: 'rsync', package: 'rsync' }],
    work: `rsync -a "$CORPUS/" copy/ && find "$CORPUS" -type f -name '*.csv' -exec sed -i 's/total/sum/g' {} +
      rsync -a --inplace --delete "$CORPUS/" copy/ && rsync -a --remove-source-files copy/ moved/`,
  },
  {
    name: 'restic backup, forget, restore',
    needs: [{ provides: 'restic', package: 'restic' }],
    work: `export RESTIC_REPOSITORY="$PWD/repository" RESTIC_PASSWORD=bench RESTIC_CACHE_DIR="$PWD/cache"
      restic -q init && restic -q backup "$CORPUS" && find "$CORPUS" -type f -name '*.txt' -exec sed -i 's/tax/levy/g' {} +
      restic -q backup "$CORPUS" && restic -q forget --keep-last 1 --prune && restic -q restore latest --target restored`,
  },
  {
    name: 'borg create, prune, extract',
    needs: [{ provides: 'borg', package: 'borgbackup' }],
    work: `export BORG_REPO="$PWD/repository" BORG_PASSPHRASE=bench BORG_BASE_DIR="$PWD/base"
      borg init -e repokey && borg create ::one "$CORPUS" && find "$CORPUS" -type f -name '*.txt' -exec sed -i 's/tax/levy/g' {} +
      borg create ::two "$CORPUS" && borg prune --keep-last 1 && borg compact && mkdir restored && cd restored && borg extract ::two`,
  },
  { name: 'gzip -r, gunzip -r', needs: [], work: 'gzip -rf "$CORPUS" && gunzip -rf "$CORPUS"' },
  {
    name: '7z -sdel with password, extract',
    needs: [{ provides: '7z', package: 'p7zip-full' }],
    work: '7z a -bd -mx=1 -pbench -sdel all.7z "$CORPUS" > /dev/null && 7z x -bd -aoa -pbench all.7z > /dev/null',
  },
  {
    name: 'ccrypt -r, and back',
    needs: [{ provides: 'ccrypt', package: 'ccrypt' }],
    work: 'ccrypt -e -r -K bench "$CORPUS" && ccrypt -d -r -K bench "$CORPUS"',
  },
  {
    name: 'gpg loop',
    needs: [{ provides: 'gpg', package: 'gpg' }],
    prepare: 'mkdir -m 700 keys',
    work: `export GNUPGHOME="$PWD/keys" && trap 'gpgconf --kill gpg-agent || true' EXIT
      ${eachOfFew('gpg -q --batch --pinentry-mode loopback --passphrase bench --s2k-count 1024 -c "$file" && rm -f "$file"')}`,
  },
  {
    name: 'openssl loop',
    needs: [{ provides: 'openssl', package: 'openssl' }],
    work: eachOfFew(
      'openssl enc -aes-256-cbc -pbkdf2 -iter 1000 -pass pass:bench -in "$file" -out "$file.enc" && rm -f "$file"',
    ),
  },
  {
    name: 'age loop',
    needs: [{ provides: 'age', package: 'age' }],
    prepare: 'age-keygen -o key.txt 2> /dev/null',
    work: `to=$(age-keygen -y key.txt); ${eachOfFew('age -r "$to" -o "$file.age" "$file" && rm -f "$file"')}`,
  },
  { name: 'sed -i over a tree', needs: [], work: `find "$CORPUS" -type f -exec sed -i 's/customer/client/g' {} +` },
  {
    name: 'logrotate, three times',
    needs: [{ provides: '/usr/sbin/logrotate', package: 'logrotate' }],
    prepare: `mkdir logs && for number in $(seq 40); do seq 3000 > "logs/service-$number.log"; done
      printf '%s/logs/*.log {\\n su root root\\n rotate 3\\n compress\\n missingok\\n create 0640 root root\\n}\\n' "$PWD" > rotate.conf
      chmod 755 logs && chmod 644 rotate.conf`,
    work: `for round in 1 2 3; do
        /usr/sbin/logrotate -f -s state rotate.conf && for log in logs/*.log; do seq 2000 > "$log"; done
      done`,
  },
  {
    name: 'pgbench, VACUUM FULL',
    needs: [{ provides: 'pgbench', package: 'postgresql', byHand: true }],
    prepare: `
      bin=$(dirname "$(ls -d /usr/lib/postgresql/*/bin/initdb | tail -n 1)") && chmod 755 . && mkdir data && chown postgres data
      runuser -u postgres -- "$bin/initdb" -D data --no-sync -A trust > /dev/null`,
    work: `
      bin=$(dirname "$(ls -d /usr/lib/postgresql/*/bin/initdb | tail -n 1)")
      as="runuser -u postgres --"; export PGHOST="$PWD/data" PGPORT=5432 PGDATABASE=postgres
      trap '$as "$bin/pg_ctl" -D data -m fast -s stop' EXIT
      $as "$bin/pg_ctl" -D data -s -l data/server.log -o "-c listen_addresses='' -k $PWD/data" start
      $as "$bin/pgbench" -q -i -s 4 2> /dev/null && $as "$bin/pgbench" -c 4 -T 2 > /dev/null 2>&1
      $as "$bin/psql" -q -c 'VACUUM FULL'`,
  },
  {
    name: 'sqlite fill, delete, vacuum',
    needs: [{ provides: 'sqlite3', package: 'sqlite3' }],
    work: `sqlite3 shop.db "CREATE TABLE orders AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 60000)
        SELECT i, hex(randomblob(60)) AS note FROM n; DELETE FROM orders WHERE i % 3 = 0; VACUUM;
        UPDATE orders SET note = upper(note); VACUUM;"`,
  },
  {
    name: 'image conversion',
    needs: [{ provides: 'mogrify', package: 'imagemagick' }],
    prepare: `mkdir pictures && for number in $(seq 30); do
        (printf 'P6 96 96 255\\n' && head -c 27648 /dev/urandom) > "pictures/$number.ppm"; done`,
    work: 'mogrify -format png pictures/*.ppm && rm pictures/*.ppm && mogrify -resize 50% pictures/*.png && mogrify -format jpg pictures/*.png',
  },
];
