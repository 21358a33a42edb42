//! What computes hard, or makes code while it runs, and is nobody's attack. Each script is repeated in a directory of its own.
use std::process::{Command, Stdio};

pub struct Workload {
    pub name: &'static str,
    /// A shell's line that succeeds where the tools are.
    needs: &'static str,
    pub setup: &'static str,
    pub script: &'static str,
}

impl Workload {
    /// What is missing.
    pub fn is_possible(&self) -> Result<(), String> {
        let status = Command::new("/bin/sh")
            .args(["-c", self.needs])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            _ => Err(self.needs.to_owned()),
        }
    }
}

const fn workload(name: &'static str, needs: &'static str, [setup, script]: [&'static str; 2]) -> Workload {
    Workload {
        name,
        needs,
        setup,
        script,
    }
}

pub const WORKLOADS: &[Workload] = &[
    workload(
        "openssl speed",
        "openssl version",
        ["", "openssl speed -seconds 2 sha256 sha512 rsa2048; openssl speed -seconds 2 -evp chacha20-poly1305; openssl speed -seconds 2 -evp aes-256-gcm"],
    ),
    workload(
        "sums of files",
        "sha256sum --version && b2sum --version",
        ["head -c 300M /dev/zero > data", "sha256sum data; sha512sum data; b2sum data; md5sum data"],
    ),
    workload(
        "gpg",
        "gpg --version",
        [
            "mkdir -m 700 home; export GNUPGHOME=$PWD/home; head -c 50M /dev/urandom > data",
            "gpg --batch --yes -q --pinentry-mode loopback --passphrase x -c data",
        ],
    ),
    workload(
        "zstd and xz",
        "zstd --version && xz --version",
        ["cat /usr/bin/* 2>/dev/null | head -c 20M > data", "zstd -q -f -12 data; xz -k -f -3 data"],
    ),
    workload(
        "python",
        "python3 --version",
        [
            "",
            "python3 -c 'import hashlib, random, re, zlib\n
data = bytes(random.randrange(256) for _ in range(400000))\n
for _ in range(10): zlib.compress(data, 9); sorted(random.random() for _ in range(200000)); hashlib.sha256(data).digest()\n
re.findall(rb\"[a-f]+[0-9]*\", data * 10)'",
        ],
    ),
    workload(
        "python and numpy",
        "python3 -c 'import numpy'",
        [
            "",
            "python3 -c 'import numpy as n\n
a = n.random.rand(700, 700)\n
for _ in range(20): a = n.tanh(a @ a.T / 700); n.linalg.svd(a[:200, :200]); n.fft.fft2(a); n.sort(a, axis=0)'",
        ],
    ),
    workload(
        "node",
        "node --version",
        [
            "",
            "node -e 'const c = require(\"crypto\"), z = require(\"zlib\"); const o = [];
for (let i = 0; i < 3e6; i++) o.push({ i, s: String(i * 7919 % 10007) });
o.sort((a, b) => a.s < b.s ? -1 : 1); JSON.parse(JSON.stringify(o.slice(0, 3e5))); z.gzipSync(Buffer.alloc(4e7, 1));
for (let i = 0; i < 20; i++) c.createHash(\"sha256\").update(JSON.stringify(o.slice(0, 1e5))).digest();
let x = 0; for (let i = 0; i < 3e8; i++) x = (x * 31 + i) | 0; console.log(/(a+)+b/.test(\"aaaaaaaaaaaaaaaaaaaaaac\"), x)'",
        ],
    ),
    workload(
        "git gc",
        "git --version",
        [
            "git init -q r; cd r; git config user.email a@b; git config user.name a; cp -r /usr/include . 2>/dev/null || cp -r /usr/share/doc .; git add -A; git commit -qm one",
            "git gc -q --aggressive --prune=now; git fsck; git repack -qadf",
        ],
    ),
    workload(
        "gcc",
        "cc --version",
        [
            "for n in $(seq 400); do echo \"#include <stdio.h>
int f$n(int a) { int s = 0; for (int i = 0; i < a; i++) s = s * 31 + (i ^ $n); printf(\\\"%d\\\", s); return s; }\"; done > a.c",
            "cc -O3 -c a.c; cc -O2 -g -c a.c",
        ],
    ),
    workload(
        "rustc",
        "rustc --version",
        [
            "seq -f 'pub fn f%g(a: &[u64]) -> Vec<String> { a.iter().map(|b| format!(\"{b}\")).rev().collect() }' 150 > lib.rs",
            "rustc -O --crate-type lib lib.rs",
        ],
    ),
    workload(
        "ffmpeg",
        "ffmpeg -version",
        ["", "ffmpeg -y -loglevel error -f lavfi -i testsrc=size=640x360:rate=25 -t 20 -c:v libx264 out.mp4"],
    ),
    workload(
        "java",
        "java -version",
        [
            "cat > A.java <<'X'
import java.util.*;
public class A { public static void main(String[] a) throws Exception {
  var d = java.security.MessageDigest.getInstance(\"SHA-256\"); var m = new TreeMap<String, Integer>(); long s = 0;
  for (int i = 0; i < 3000000; i++) { m.merge(\"k\" + i % 50021, i, Integer::sum); s = s * 31 + i; }
  for (int i = 0; i < 100; i++) d.update(m.toString().getBytes());
  var p = java.util.regex.Pattern.compile(\"(k[0-9]+=)+\"); System.out.println(p.matcher(m.toString()).find() + \" \" + s); } }
X
",
            "java A.java",
        ],
    ),
    workload(
        "regular expressions",
        "echo a | grep -P a",
        ["cat /usr/share/dict/words /usr/include/*.h 2>/dev/null | head -c 20M > data", "grep -cP '(\\w+)_\\1|[a-z]{3,}[0-9]+$' data || true"],
    ),
    workload(
        "postgres",
        "ls /usr/lib/postgresql/*/bin/initdb && id postgres",
        [
            "PATH=$(echo /usr/lib/postgresql/*/bin | tr ' ' :):$PATH; chmod 755 . ..; mkdir data sock; chown postgres data sock
as() { runuser -u postgres -- \"$@\"; }; as initdb -D data -A trust > /dev/null
as postgres -D data -c listen_addresses= -k $PWD/sock -c fsync=off & sleep 4; h=\"-h $PWD/sock\"; as createdb $h b; as pgbench $h -q -i -s 4 b",
            "as pgbench $h -c 4 -T 5 b; as psql $h -c 'set jit_above_cost = 0; select sum(a.abalance * b.bid) from pgbench_accounts a join pgbench_accounts b on a.aid = b.aid' b
as psql $h -c \"select sum(length(sha256(aid::text::bytea))) from pgbench_accounts\" b",
        ],
    ),
];
