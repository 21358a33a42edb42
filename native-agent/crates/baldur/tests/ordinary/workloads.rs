//! What is run. Each script starts in a directory with `docs` in it; `$TOOLS` is a protected directory for its own things.

pub struct Workload {
    pub name: &'static str,
    /// Programs that must be installed.
    pub needs: &'static str,
    pub script: &'static str,
}

/// Programs that lie in nobody's PATH.
pub const PROGRAM_DIRECTORIES: [&str; 6] = [
    "/usr/sbin",
    "/sbin",
    "/usr/lib/postgresql/15/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/local/bin",
];

pub const PRELUDE: &str = "
PATH=$PATH:/usr/sbin:/sbin:/usr/lib/postgresql/15/bin:/usr/lib/postgresql/16/bin:/usr/lib/postgresql/17/bin
each() { find docs -type f | while read -r f; do \"$@\" \"$f\"; done; }
";

pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "tar",
        needs: "tar",
        script: "tar czf a.tgz docs; rm -r docs; tar xzf a.tgz; mkdir b; tar cf - docs | tar xf - -C b; tar xzf a.tgz",
    },
    Workload {
        name: "gzip -r",
        needs: "gzip",
        script: "gzip -r docs; gunzip -r docs",
    },
    Workload {
        name: "xz of each file",
        needs: "xz",
        script: "find docs -type f -exec xz -1 {} +; find docs -type f -exec xz -d {} +",
    },
    Workload {
        name: "7z -sdel",
        needs: "7z",
        script: "7z a -sdel a.7z docs",
    },
    Workload {
        name: "7z -sdel with a password",
        needs: "7z",
        script: "7z a -sdel -psecret -mhe=on a.7z docs",
    },
    Workload {
        name: "ccrypt -r",
        needs: "ccrypt",
        script: "ccrypt -e -r -K secret docs; ccrypt -d -r -K secret docs",
    },
    Workload {
        name: "gpg in a loop",
        needs: "gpg gpgconf",
        script: "mkdir -p -m 700 \"$HOME/.gnupg\"
            one() { gpg --batch --yes -q --pinentry-mode loopback --passphrase x --s2k-count 1024 -c \"$1\" && rm \"$1\"; }
            find docs -type f | head -30 | while read -r f; do one \"$f\"; done; gpgconf --kill all",
    },
    Workload {
        name: "openssl in a loop",
        needs: "openssl",
        script: "one() { openssl enc -aes-256-cbc -pbkdf2 -iter 1 -pass pass:x -in \"$1\" -out \"$1.enc\"; }; each one",
    },
    Workload {
        name: "openssl in a loop elsewhere",
        needs: "openssl",
        script: "mkdir out; n=0
            find docs -type f | while read -r f; do n=$((n+1)); openssl enc -aes-256-cbc -pbkdf2 -iter 1 -pass pass:x -in \"$f\" -out out/$n; done
            rm -r docs",
    },
    Workload {
        name: "age in a loop",
        needs: "age age-keygen",
        script: "age-keygen -o \"$TOOLS/key\"; to=$(age-keygen -y \"$TOOLS/key\")
            one() { age -r \"$to\" -o \"$1.age\" \"$1\" && rm \"$1\"; }
            find docs -type f | head -30 | while read -r f; do one \"$f\"; done",
    },
    Workload {
        name: "sed -i",
        needs: "sed perl",
        script: "find docs -type f -exec sed -i s/invoice/bill/g {} +; each sed -i s/bill/account/g
            find docs -name '*.txt' -exec perl -pi -e s/north/south/ {} +",
    },
    Workload {
        name: "git",
        needs: "git",
        script: "cd docs; git init -q; git config user.email a@b; git config user.name a; git add -A; git commit -qm one
            git checkout -qb other; find . -name '*.md' -exec sed -i s/Report/Paper/ {} +; git rm -q -rf reports; git commit -qam two
            git checkout -q -; git checkout -q other; git checkout -q -; git gc -q --aggressive --prune=now; git clone -q . ../clone
            touch a b c; git clean -fdxq; git reset -q --hard",
    },
    Workload {
        name: "rsync",
        needs: "rsync",
        script: "rsync -a docs/ copy/; find docs -name '*.csv' -delete; find docs -name '*.txt' -exec sed -i s/invoice/bill/ {} +
            rsync -a --delete docs/ copy/; rsync -a --inplace --checksum docs/ copy/; rsync -a --remove-source-files docs/ moved/",
    },
    Workload {
        name: "restic",
        needs: "restic",
        script: "export RESTIC_PASSWORD=x RESTIC_REPOSITORY=$TOOLS/repository; restic init -q; restic backup -q docs
            find docs -name '*.txt' -exec sed -i s/invoice/bill/ {} +; restic backup -q docs
            restic forget -q --keep-last 1 --prune; rm -r docs; restic restore -q latest --target .",
    },
    Workload {
        name: "borg",
        needs: "borg",
        script: "export BORG_PASSPHRASE=x BORG_REPO=$TOOLS/repository; borg init -e repokey; borg create ::one docs
            find docs -name '*.txt' -exec sed -i s/invoice/bill/ {} +; borg create ::two docs
            borg delete ::one; borg compact; rm -r docs; borg extract ::two",
    },
    Workload {
        name: "logrotate",
        needs: "logrotate",
        script: "mkdir logs; for n in $(seq 40); do cp docs/accounts/*.log logs/$n.log 2>/dev/null || seq 4000 > logs/$n.log; done
            printf '%s/logs/*.log {\\n rotate 2\\n compress\\n copytruncate\\n su root root\\n}\\n' \"$PWD\" > \"$TOOLS/conf\"
            for round in 1 2 3 4; do logrotate -f -s \"$TOOLS/state\" \"$TOOLS/conf\"; for n in $(seq 40); do seq 3000 > logs/$n.log; done; done",
    },
    Workload {
        name: "sqlite",
        needs: "sqlite3",
        script: "for n in 1 2 3 4 5 6; do sqlite3 $n.db \"create table t(a,b); with recursive c(x) as (select 1 union all select x+1 from c where x<20000)
            insert into t select x, hex(randomblob(20)) from c; delete from t where a%2; vacuum; pragma journal_mode=wal; update t set b=randomblob(30); vacuum;\"; done",
    },
    Workload {
        name: "postgresql",
        needs: "initdb pg_ctl pgbench runuser",
        script: "chmod 755 .; mkdir data sock; chown postgres data sock; as() { runuser -u postgres -- \"$@\"; }
            as initdb -D data -A trust >/dev/null
            as pg_ctl -D data -w -l \"$PWD/data/log\" -o \"-c listen_addresses='' -k $PWD/sock\" start
            h=\"-h $PWD/sock\"; as createdb $h b; as pgbench $h -q -i -s 3 b; as pgbench $h -c 4 -T 4 b
            as psql $h -qc 'vacuum full' b; as psql $h -qc 'reindex database b' b; as pg_dump $h -Fc b > dump; as dropdb $h b
            as pg_ctl -D data -m fast stop",
    },
    Workload {
        name: "image conversion",
        needs: "identify convert",
        script: "mkdir p; for n in $(seq 12); do convert -size 200x200 plasma:red-blue p/$n.png; done
            for f in p/*.png; do convert $f -resize 50% $f; convert $f -quality 80 ${f%.png}.jpg; rm $f; done",
    },
    Workload {
        name: "dpkg install and upgrade",
        needs: "dpkg dpkg-deb",
        script: "build() { mkdir -p d/DEBIAN d/usr/share/doc d/usr/bin d/usr/lib; cp -r docs d/usr/share/doc/x; cp /bin/ls /bin/cat /bin/gzip d/usr/bin/; cp /bin/tar d/usr/lib/
            printf 'Package: x\\nVersion: %s\\nArchitecture: all\\nMaintainer: a <a@b>\\nDescription: x\\n' $1 > d/DEBIAN/control; dpkg-deb -Zgzip -b d x$1.deb; }
            build 1; find docs -type f -exec sed -i s/invoice/bill/ {} +; build 2
            mkdir -p root/var/lib/dpkg/info root/var/lib/dpkg/updates; touch root/var/lib/dpkg/status
            for v in 1 2; do dpkg --root=$PWD/root --force-all --log=/dev/null -i x$v.deb; done; dpkg --root=$PWD/root --force-all --log=/dev/null -P x",
    },
    Workload {
        name: "npm",
        needs: "npm",
        script: "export npm_config_cache=$TOOLS/cache npm_config_update_notifier=false npm_config_audit=false npm_config_fund=false
            for n in $(seq 12); do mkdir m$n; cp -r docs m$n/lib; printf '{\"name\":\"m%s\",\"version\":\"1.0.0\"}' $n > m$n/package.json; (cd m$n; npm pack --silent --pack-destination .. ); done
            mkdir app; cd app; echo '{\"name\":\"app\",\"version\":\"1.0.0\"}' > package.json
            npm install --offline --silent ../*.tgz; rm -rf node_modules; npm ci --offline --silent; npm uninstall --silent m1 m2 m3",
    },
    Workload {
        name: "cargo build and clean",
        needs: "cargo",
        script: "export HOME=/root CARGO_NET_OFFLINE=true; mkdir -p p/src; cd p; printf '[package]\\nname=\"p\"\\nversion=\"0.1.0\"\\nedition=\"2024\"\\n[workspace]\\n' > Cargo.toml
            echo 'fn main() { println!(\"{}\", std::collections::HashMap::<u8, u8>::new().len()) }' > src/main.rs
            cargo build -q; echo '// changed' >> src/main.rs; cargo build -q; cargo build -q --release; cargo clean -q; cargo build -q",
    },
    Workload {
        name: "python",
        needs: "python3",
        script: "python3 -m venv --without-pip v; cp -r /usr/lib/python3/dist-packages v/p 2>/dev/null || true; python3 -m compileall -q v >/dev/null || true
            python3 -c 'import shutil, os, gzip
for base, _, names in os.walk(\"docs/letters\"):
    for name in names:
        path = os.path.join(base, name)
        with open(path, \"rb\") as f, gzip.open(path + \".gz\", \"wb\") as to: shutil.copyfileobj(f, to)
        os.remove(path)
shutil.rmtree(\"v\"); shutil.rmtree(\"docs\")'",
    },
    Workload {
        name: "all opened before one is written",
        needs: "node",
        script: "for round in 1 2; do node -e 'const fs = require(\"fs\");
            const walk = dir => fs.readdirSync(dir, { withFileTypes: true }).flatMap(entry => entry.isDirectory() ? walk(dir + \"/\" + entry.name) : [dir + \"/\" + entry.name]);
            const files = walk(\"docs\").map(path => [path, \"// again\\n\" + fs.readFileSync(path, \"latin1\")]);
            Promise.all(files.map(([path, text]) => fs.promises.writeFile(path, text)))'; done",
    },
    Workload {
        name: "a table among many files",
        needs: "awk",
        script: "mkdir out; for round in 1 2; do seq 4000 | awk '{ print $1, \"invoice of the north\", $1 * 7 > (\"out/\" $1 % 200 \".csv\") }'; done
            (seq 400; sleep 6; seq 400) | awk '{ print $1, \"invoice of the south\", $1 * 7 > (\"out/\" $1 % 200 \".csv\") }'",
    },
    Workload {
        name: "slow jobs, each with its result",
        needs: "xargs",
        script: "job() { find docs -type f | head -48 | xargs -P 48 -n 1 sh -c '{ sleep 2; cat \"$0\"; } > \"$0.${0##*.}\"'; }; job; job",
    },
    Workload {
        name: "cp, mv, find -delete, rm -r",
        needs: "find",
        script: "cp -a docs a; mv a b; find b -name '*.csv' -delete; cp -a docs/. b; each touch; rm -rf b; for f in docs/letters/*; do mv $f $f.bak; done; rm -r docs",
    },
    Workload {
        name: "a program of one's own",
        needs: "cc",
        script: "printf '#include <dirent.h>\\n#include <stdio.h>\\n#include <unistd.h>\\nint main(int c,char**v){for(int i=1;i<c;i++){rename(v[i],\"x\");FILE*f=fopen(v[i],\"w\");FILE*o=fopen(\"x\",\"r\");int b;while((b=getc(o))!=EOF)putc(b==59?44:b,f);fclose(f);fclose(o);unlink(\"x\");}}' > t.c
            cc -o \"$TOOLS/t\" t.c; find docs -name '*.csv' -exec \"$TOOLS/t\" {} +; find docs -name '*.log' -exec \"$TOOLS/t\" {} +",
    },
];
