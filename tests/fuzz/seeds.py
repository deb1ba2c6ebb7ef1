"""Where fuzzing begins: real files, the examples of docs/protocol.md, and what a person would try."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Whole pages of a kernel, shortened.
CPUINFO = b"""processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Processor @ 2.50GHz
stepping\t: 7
microcode\t: 0x1
cache size\t: 33792 KB
physical id\t: 0
core id\t\t: 0

processor\t: 1
vendor_id\t: GenuineIntel
physical id\t: 0
core id\t\t: 1

"""
CPUINFO_ARM = b"""processor\t: 0
CPU implementer\t: 0x41
CPU part\t: 0xd0c

processor\t: 1

"""
MOUNTS = b"""proc
22 27 0:21 / /proc rw,nosuid shared:13 - proc proc rw
27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 22 0:5 /proc/stat /proc/stat rw - fuse.lxcfs lxcfs rw
40 27 0:9 / /mnt/a\\040b rw - tmpfs none rw
"""
SCHEDSTAT = b"""version 15
timestamp 4295001337
cpu0 0 0 0 0 0 0 1170512361 81237612 32111
domain0 3 24 24 0
cpu1 0 0 0 0 0 0 912361872 71236 21113
"""
PRESSURE = b"""some avg10=0.00 avg60=0.12 avg300=0.05 total=12345678
full avg10=0.00 avg60=0.00 avg300=0.00 total=42
"""
CPU_STAT = b"""usage_usec 1234567
user_usec 1000000
system_usec 234567
nr_periods 10
nr_throttled 2
throttled_usec 33
"""
CGROUPS = (CPU_STAT, b"0::/user.slice/x\n", b"12:cpu:/a\n0::/\n", b"150000 100000\n", b"max 100000\n")
LEGACY = b'{"The Perecentage Of CPU USAGE": 14.6}'
RUNS = ("--endpoint=web-1", "--exporter=[::1]:8080", "--label=room=a", "--label\nrack=7",
        "--sample.interval=50ms\n--push.interval=1s", "--no-cpu.per-core\n--print",
        "--path.procfs=/host/proc\n--path.sysfs\n/host/sys", "--log.level=debug\n--log.format=json",
        "--help", "--version", "--endpoint", "--nonsense", "--exporter=host:0\n--\nstray")
SERVES = ("--ingest.listen-address=:8080\n--ingest.allow-anonymous", "--ingest.max-agents=5",
          "--ingest.max-sample-rate=0.5", "--ingest.legacy-allow=10.0.0.0/8\n--ingest.legacy-allow=fd00::/8",
          "--ingest.tls-cert-file=a\n--ingest.tls-key-file=b\n--ingest.tls-client-ca-file=c",
          "--ingest.tokens-file=t", "--agent.stale-after=20s\n--agent.forget-after=1d",
          "--peak.window=1m", "--web.listen-address=127.0.0.1:0", "--web.telemetry-path=/m",
          "--web.collect=cpu\n--web.collect=detail", "--log.level=warn", "--help", "--version", "-x")
PIN = b"a" * 64
JOIN = b"cpu-monitor://10.0.0.5:8080/web-1,token=B4qjLASxcRVwR7tXAGHyLg,ca=" + PIN
TOKENS = b"""# names and tokens
web-1 d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272 expires=2031-12-31 room=a
web-1 - rack=7
* 0000000000000000000000000000000000000000000000000000000000000000
db-1\t-
"""
WEB_CONFIG = b"""tls_server_config:
  cert_file: a.crt
  key_file: "a.key"
  client_ca_file: ca.crt
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus, 'spiffe://x/y']
  min_version: TLS13
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi
"""
HTTP_HEAD = (b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nAuthorization: Basic YTpi\r\n"
             b"X-FRAME-OPTIONS: x\r\n\r\n")
HELLO = b'{"type":"hello","protocol":1,"endpoint":"%s"}\n'
RECORDING = (b'{"type":"recording","request_id":%d,"piece":%d,"pieces":%d,"uptime_ms":7200000,"interval_ms":100,'
             b'"age_ms":[%s],"busy":[%s],"busiest_core":[%s],"system":[%s],"steal":[%s]}')
CORES = b'{"type":"sample","sequence":%d,"cpu":{"total":[9,9,9,9],"cores":[[0,1,2,3,4,5,6,7,8,9,10],[1,1,2,3,4]]}}\n'


def examples():
    """Every JSON object that stands on a line of its own in docs/protocol.md."""
    text = (ROOT / "docs/protocol.md").read_text()
    return [line.encode() for line in re.findall(r"^(\{\"type\".*\})$", text, re.MULTILINE)]


def files(folder):
    return [path.read_bytes() for path in sorted((ROOT / "tests/data" / folder).iterdir())]




def all_seeds():
    """{target: inputs}"""
    lines = examples()
    fleet = HELLO % b"web-1" + CORES % 1
    return {
        "line_framer": [b"a\nbb\n", b"grow\n" + b"x" * 90 + b"\nstop\nmore\n", b"\n\n\n", b"x" * 25],
        "agent_message": lines + [
            RECORDING % (1, 1, 2, b"600000,599900,300", b"0,200,null", b"1,2,3", b"0,0,0", b"0,0,0"),
            RECORDING % (9007199254740991, 100, 100, b"", b"", b"", b"", b""),
            RECORDING % (2, 2, 2, b"5", b"1,2", b"3", b"201", b"-1"),
            b'{"type":"recording","request_id":1}'],
        "exporter_message": lines + [
            b'{"type":"request","request_id":1,"last_ms":600000}',
            b'{"type":"request","request_id":0,"last_ms":1}',
            b'{"type":"refusal","code":"bad_field","message":"x","retry_after_ms":30000}',
            b'{"type":"goodbye","reason":"stop","retry_after_ms":1}'],
        "host_port": [b"host:8080", b"127.0.0.1:0", b"[::1]:65535", b":1", b"[fe80::1%lo]:1"],
        "duration": [b"1d2h3m4s5ms", b"200ms", b"0s", b"1000d"],
        "proc_stat": files("proc_stat") + [file[:2000] for file in files("streams")],
        "proc_loadavg": [b"0.00 0.01 0.05 1/123 4567\n", b"1e3 2 3 "],
        "proc_pressure": [PRESSURE, PRESSURE.splitlines()[0]],
        "proc_schedstat": [SCHEDSTAT],
        "proc_cpuinfo": [CPUINFO, CPUINFO_ARM],
        "proc_mounts": [MOUNTS, MOUNTS.replace(b"proc", b"mnt/a b", 1)],
        "sys_cpu": [b"0-3,8,10-11\n", b"\n", b"2500000\n", b"-41000\n", b"performance powersave \n",
                    b"cpu12", b"<unsupported>\n"],
        "cgroup": list(CGROUPS),
        "agent_options": [words.encode() for words in RUNS],
        "exporter_options": [words.encode() for words in SERVES],
        "first_bytes": [LEGACY, b"\x16\x03\x01", b"GET / HTTP/1.1", b"PRI * HTTP/2.0", b'{"type":'],
        "legacy_reader": [LEGACY, LEGACY * 3, LEGACY.replace(b"14.6", b"1.2345678901234567e-100"),
                          LEGACY.replace(b"14.6", b"100")],
        "page_query": [b"collect[]=cpu&collect[]=burst", b"collect%5B%5D=percent&x=%41+", b"%zz"],
        "accept_encoding": [b"gzip, deflate", b"br;q=1.0, gzip;q=0.8, *;q=0.1", b"x-gzip;q=0"],
        "exposition": [
            fleet,
            fleet + CORES % 2 + b"\n\n" + HELLO % b"web-2" + b"\n".join(lines) + b"\n" + LEGACY,
            b"\n".join(lines),
            HELLO % b"a" + b'{"type":"sample","sequence":1,"percent":1e-7}\n\n{"type":"goodbye","reason":"stop"}',
        ],
        "join_line": [JOIN, JOIN[:-13], JOIN + b",expires=2031-12-31", b"cpu-monitor://"],
        "calendar_day": [b"2031-12-31", b"2024-02-29", b"0000-01-01", b"1900-02-29"],
        "tokens_file": [TOKENS],
        "web_config": [WEB_CONFIG, WEB_CONFIG.splitlines(True)[0], b"{}", b"--- ~\n"],
        "basic_authorization": [b"Basic dXNlcjpwYXNz", b"basic Og==", b"Basic YTpiOmM=", b"user:pass"],
        "http_head": [HTTP_HEAD, HTTP_HEAD.replace(b"\r", b""), HTTP_HEAD.replace(b"Accept", b"Authorization")],
        "made_messages": [bytes([0xE6]) + bytes((7 * i) % 256 for i in range(n)) for n in (40, 400, 1500)]
                         + [bytes([0xE6]) + b"\xff" * 900, bytes([0x1B]) + b"\x01\x03\x07" * 300],
    }
