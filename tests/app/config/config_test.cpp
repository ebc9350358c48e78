#include "app/commands/certificates.hpp"
#include "app/config/config.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/pem.h>

using namespace weir;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

namespace {

config good(std::string_view text, const std::vector<std::string>& overrides = {}) {
  auto settings = parse_config(text, "x.yaml", overrides);
  EXPECT_TRUE(settings) << (settings ? "" : settings.error().text);
  return settings ? *settings : config{};
}

std::string bad(std::string_view text, const std::vector<std::string>& overrides = {}) {
  const auto settings = parse_config(text, "x.yaml", overrides);
  EXPECT_FALSE(settings) << text;
  if (settings)
    return "";
  EXPECT_EQ(settings.error().code, ec::invalid_config);
  return settings.error().text;
}

constexpr std::string_view digest =
  "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";

} // namespace

TEST(config, an_empty_file_is_a_whole_configuration) {
  const auto c = good("");
  EXPECT_EQ(to_string(c.ingest.listen), "127.0.0.1:8080");
  EXPECT_EQ(c.journal.directory, "data/journal");
  EXPECT_EQ(c.sink.path, "data/weir.db");
  EXPECT_GE(c.pipeline.validate_workers, 1u);
  ASSERT_EQ(c.streams.size(), 1u);
  EXPECT_EQ(c.streams.begin()->first, "default");
  EXPECT_EQ(c.streams.begin()->second.settings.name, "default");
}

TEST(config, the_default_stream_exists_only_when_no_streams_are_named) {
  const auto c = good("streams:\n  web:\n");
  EXPECT_TRUE(c.streams.contains("web"));
  EXPECT_FALSE(c.streams.contains("default"));
}

TEST(config, values_land_in_their_structs) {
  const auto c = good(R"(
data_dir: /var/lib/weir
ingest: {listen: "[::1]:0", threads: auto, head_timeout: 1s, body_rate_min: 0B}
sink: {kind: file, rotate_after: 2m}
journal: {keys_max: 10, keys_age_max: 48h}
log: {level: warning, format: json}
supervision: {backoff: {initial: 5ms, jitter: 0.5}}
streams:
  web: {priority: high, ack: stored, admission: shed, dead_letters: store, burst: 5,
        records_per_second: 10, transform: [{set: {field: a, value: "12"}}]}
)");
  EXPECT_EQ(c.ingest.listen.host, "::1");
  EXPECT_TRUE(c.ingest.listen.loopback());
  EXPECT_EQ(c.ingest.head_timeout, 1s);
  EXPECT_EQ(c.ingest.body_rate_min, 0u);
  EXPECT_EQ(c.sink.path, "/var/lib/weir/records");
  EXPECT_EQ(c.sink.rotate_after, 120s);
  EXPECT_EQ(c.sink.keys_max, 10u);
  EXPECT_EQ(c.sink.keys_age_max, 48h);
  EXPECT_EQ(c.log.level, log_level::warning);
  EXPECT_EQ(c.log.format, log_format::json);
  EXPECT_EQ(c.supervision.backoff_initial, 5ms);
  const auto& web = c.streams.at("web");
  EXPECT_EQ(web.settings.level, priority::high);
  EXPECT_EQ(web.settings.ack, ack_level::stored);
  EXPECT_EQ(web.settings.admission, admission_policy::shed);
  EXPECT_EQ(web.settings.dead_letters, dead_letter_policy::store);
  EXPECT_EQ(web.steps->dump(), R"([{"set":{"field":"a","value":"12"}}])");
}

TEST(config, the_sink_null_may_be_written_without_quotes_and_nothing_is_not_null) {
  EXPECT_EQ(good("sink:\n  kind: null\n").sink.kind, "null");
  EXPECT_EQ(good("sink: {kind: 'null'}").sink.kind, "null");
  EXPECT_EQ(good("", {"sink.kind=null"}).sink.kind, "null");
  EXPECT_THAT(bad("sink:\n  kind:\n"), HasSubstr("sink.kind: has no value"));
  EXPECT_THAT(bad("sink:\n  kind: ~\n"), HasSubstr("sink.kind: has no value"));
  EXPECT_THAT(bad("log: {level: null}"), HasSubstr("log.level: has no value"));
}

TEST(config, the_budget_for_bodies_is_what_the_ceiling_leaves) {
  const auto budget = [](const std::string& more) {
    return good("memory: {ceiling: 1GiB}\n" + more).ingest.budget_bytes;
  };
  const auto whole = budget("");
  EXPECT_GT(whole, uint64_t{512} << 20);
  EXPECT_EQ(good("memory: {ceiling: 2GiB}").ingest.budget_bytes - whole,
            uint64_t{1} << 30);
  // What each of them may hold is not there for bodies: at least so many bytes more than by
  // default, told here by hand.
  const struct {
    const char* more;
    uint64_t bytes;
  } parts[] = {
    {"ingest: {connections_max: 8192}", 4096 * (16 << 10)},
    {"ingest: {head_bytes_max: 32KiB}", 4096 * (16 << 10)},
    {"ingest: {clients_max: 110000}", 100'000 * 200},
    {"journal: {keys_max: 2000000}", 1'000'000 * 80},
    {"journal: {group_bytes: 16MiB}", 8 << 20},
    {"sink: {bytes_per_transaction: 32MiB}", 16 << 20},
  };
  for (const auto& part : parts) {
    const auto left = budget(part.more);
    EXPECT_LE(left + part.bytes, whole) << part.more;
    EXPECT_GT(left, 0u) << part.more;
  }
}

TEST(config, an_error_names_file_line_and_key_path) {
  EXPECT_EQ(bad("data_dir: x\ningest:\n  listen: here\n"),
            "x.yaml:3: ingest.listen: \"here\": expected host:port, like 127.0.0.1:8080");
}

TEST(config, all_errors_of_a_file_are_reported) {
  const auto text =
    bad("ingest:\n  threads: x\n  head_timeout: 5\nlog:\n  level: loud\n");
  EXPECT_THAT(
    text, AllOf(HasSubstr("x.yaml:2: ingest.threads: "),
                HasSubstr("x.yaml:3: ingest.head_timeout: \"5\": has no unit: write 5s"),
                HasSubstr("x.yaml:5: log.level: \"loud\": expected one of debug, info")));
}

TEST(config, an_unknown_key_is_an_error_that_suggests_the_nearest) {
  EXPECT_EQ(bad("ingest:\n  lisen: 1\n"),
            "x.yaml:2: ingest.lisen: unknown key, did you mean listen?");
  EXPECT_THAT(
    bad("streams:\n  web:\n    shema: x\n"),
    HasSubstr("x.yaml:3: streams.web.shema: unknown key, did you mean schema?"));
  EXPECT_THAT(bad("operations:\n  xxxxxxxx: 1\n"),
              HasSubstr("known here: allow_remote, listen, token_sha256"));
}

TEST(config, a_value_out_of_bounds_is_told_the_bounds) {
  EXPECT_EQ(
    bad("ingest: {head_bytes_max: 1MiB}"),
    "x.yaml:1: ingest.head_bytes_max: 1MiB is out of range: allowed 1KiB … 256KiB");
  EXPECT_EQ(bad("ingest: {threads: 0}"),
            "x.yaml:1: ingest.threads: 0 is out of range: allowed 1 … 64, or `auto`");
  EXPECT_EQ(bad("supervision: {backoff: {jitter: 2}}"),
            "x.yaml:1: supervision.backoff.jitter: 2 is out of range: allowed 0 … 1");
  EXPECT_EQ(bad("shutdown: {deadline: 1h}"),
            "x.yaml:1: shutdown.deadline: 1h is out of range: allowed 100ms … 10m");
  EXPECT_THAT(bad("journal: {keys_age_max: 61m}"),
              HasSubstr("expected a multiple of 1h"));
}

TEST(config, a_value_of_the_wrong_shape_is_an_error) {
  EXPECT_THAT(bad("ingest: 5"), HasSubstr("expected a section"));
  EXPECT_THAT(bad("ingest: {threads: [1]}"), HasSubstr("expected one plain value"));
  EXPECT_THAT(bad("ingest: {threads: }"), HasSubstr("has no value"));
  EXPECT_THAT(bad("ingest: {api_keys: 5}"), HasSubstr("expected a list"));
  EXPECT_THAT(bad("ingest: {api_keys: [5]}"), HasSubstr("an element with keys"));
  EXPECT_THAT(bad("streams: {web: 5}"),
              HasSubstr("x.yaml:1: streams.web: expected settings"));
  EXPECT_THAT(bad("streams: {web: {transform: {a: 1}}}"),
              HasSubstr("expected a list of steps"));
  EXPECT_THAT(bad("streams: {Web: }"),
              HasSubstr("\"Web\" is no name: expected ^[a-z0-9]"));
  EXPECT_THAT(bad("fault_injection: yes"), HasSubstr("expected true or false"));
  EXPECT_THAT(bad("- a\n"), HasSubstr("expected keys and values at the top"));
}

TEST(config, addresses_are_addresses_and_not_names) {
  for (const auto* wrong : {"example.com:80", "127.0.0.1", "127.0.0.1:70000", "::1:80",
                            "[::1:80", ":80", "1.2.3:4"})
    EXPECT_THAT(bad("ingest: {listen: '" + std::string{wrong} + "'}"),
                HasSubstr("expected"))
      << wrong;
}

TEST(config, localhost_is_the_loopback_address_for_every_listener) {
  const auto c =
    good("ingest: {listen: 'localhost:1'}\noperations: {listen: 'localhost:2'}"
         "\ncluster: {roles: [worker], listen: 'localhost:3'}");
  EXPECT_EQ(to_string(c.ingest.listen), "127.0.0.1:1");
  EXPECT_EQ(to_string(c.operations.listen), "127.0.0.1:2");
  EXPECT_EQ(to_string(c.cluster.listen), "127.0.0.1:3");
  EXPECT_THAT(bad("ingest: {listen: 'localhost:8081'}"),
              HasSubstr("is taken by ingest.listen"));
}

TEST(config, an_override_wins_and_its_errors_say_set) {
  const auto c = good("ingest: {threads: 1}\nstreams: {web: {ack: durable}}",
                      {"ingest.threads=3", "streams.web.ack=stored", "node.name=n1",
                       "ingest.threads=4", "sink.path="});
  EXPECT_EQ(c.ingest.threads, 4u);
  EXPECT_EQ(c.streams.at("web").settings.ack, ack_level::stored);
  EXPECT_EQ(c.node_name, "n1");
  EXPECT_EQ(c.sink.path, "data/weir.db");
  EXPECT_EQ(
    bad("", {"ingest.threads=x"}),
    "--set: ingest.threads: \"x\": expected a whole number without a unit, or `auto`");
  EXPECT_EQ(bad("", {"ingest.thread=1"}),
            "--set: ingest.thread: unknown key, did you mean threads?");
}

TEST(config, operations_off_loopback_need_a_token_and_to_be_asked_for) {
  const std::string open = "operations: {listen: '0.0.0.0:8081'";
  EXPECT_THAT(bad(open + "}"), AllOf(HasSubstr("operations.allow_remote: true"),
                                     HasSubstr("operations.token_sha256 is required")));
  EXPECT_THAT(bad(open + ", allow_remote: true}"), HasSubstr("token_sha256 is required"));
  const auto c =
    good(open + ", allow_remote: true, token_sha256: " + std::string{digest} + "}");
  EXPECT_EQ(c.operations.token_sha256.find_first_of("ABCDEF"), std::string::npos);
}

TEST(config, two_listeners_cannot_share_a_port) {
  EXPECT_THAT(bad("ingest: {listen: '127.0.0.1:8081'}"),
              HasSubstr("is taken by ingest.listen"));
  EXPECT_THAT(bad("ingest: {listen: '0.0.0.0:8081'}"),
              HasSubstr("is taken by ingest.listen"));
  good("ingest: {listen: '127.0.0.1:0'}\noperations: {listen: '127.0.0.1:0'}");
  good("ingest: {listen: '127.0.0.2:8081'}");
}

TEST(config, contradictions_name_both_keys) {
  const std::pair<std::string_view, std::string_view> cases[] = {
    {"journal: {segment_bytes: 64MiB, bytes_max: 128MiB}",
     "a quarter of journal.bytes_max"},
    {"ingest: {batch_bytes: 4MiB}\nmemory: {ceiling: 4GiB}\njournal: {segment_bytes: "
     "8MiB}",
     "a quarter of journal.segment_bytes"},
    {"ingest: {batch_bytes: 6MiB, batch_records: 1000000}\nmemory: {ceiling: 4GiB}",
     "the journal takes 16MiB at once"},
    {"ingest: {coalesce_bytes: 2MiB}", "above ingest.batch_bytes"},
    {"ingest: {threads: 2, batches_in_flight: 1}", "below ingest.threads"},
    {"pipeline: {queue: 8}", "below ingest.batches_in_flight, 64"},
    {"ingest: {shed: {low: 0.9, normal: 0.1}}", "above ingest.shed.normal"},
    {"supervision: {backoff: {initial: 1m}}", "above supervision.backoff.max"},
    {"supervision: {workers: {backoff_initial: 1m}}",
     "above supervision.workers.backoff_max"},
    {"streams: {web: {record_bytes_max: 2MiB}}", "above ingest.batch_bytes, 1MiB"},
    {"streams: {web: {burst: 5}}", "no effect without records_per_second"},
    {"ingest: {client_burst: 5}", "no effect without ingest.client_rate"},
    {"memory: {ceiling: 128MiB}", "leaves 0B for bodies"},
    {"ingest: {budget_bytes: 2GiB}", "does not fit under memory.ceiling, 512MiB"},
    {"sink: {path: data/dead-letters.db}", "also the path of the sink"},
    {"ingest: {request_window: 100}", "above ingest.batches_in_flight, 64"},
    {"ingest: {request_timeout: 100ms}", "is not below ingest.request_timeout"},
    {"ingest: {tls: {key: /etc/passwd}}", "ingest.tls.key: needs ingest.tls.certificate"},
    {"sink: {kind: postgres, url: 'nonsense://nowhere'}",
     "sink.url: expected postgresql"},
    {"sink: {kind: postgres}", "sink.url: is required"},
    {"streams: {web: {csv_delimiter: a}}", "web.csv_delimiter: is one character that"},
    {"streams: {web: {csv_delimiter: ';;'}}", "web.csv_delimiter: is one character that"},
    {"cluster: {roles: [gateway], tls: {ca: /etc/passwd}}",
     "cluster.tls: needs all of ca, certificate and key"},
    {"cluster: {roles: [gateway], advertise: somewhere}", "expected host:port"},
    {"cluster: {roles: [gateway], advertise: 'a:65536'}", "expected host:port"},
    {"cluster: {roles: [gateway], seeds: ['a:0']}", "expected host:port"},
    {"cluster: {roles: [gateway], window: {bytes: 3MiB}}",
     "is below four times ingest.batch_bytes, 1MiB"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_THAT(bad(text), AllOf(HasSubstr(expected), testing::StartsWith("x.yaml:")))
      << text;
}

TEST(config, a_sink_that_is_no_database_makes_larger_transactions) {
  EXPECT_EQ(good("").sink.rows_per_transaction, 5'000u);
  EXPECT_EQ(good("sink: {kind: file}").sink.rows_per_transaction, 20'000u);
  EXPECT_EQ(good("sink: {kind: 'null'}").sink.rows_per_transaction, 20'000u);
  EXPECT_EQ(good("sink: {kind: file, rows_per_transaction: 7}").sink.rows_per_transaction,
            7u);
}

TEST(config, the_window_of_an_upload_leaves_room_for_others) {
  EXPECT_EQ(good("").ingest.request_window, 16u);
  EXPECT_EQ(good("ingest: {batches_in_flight: 32}").ingest.request_window, 8u);
  EXPECT_EQ(good("ingest: {batches_in_flight: 2, threads: 1}").ingest.request_window, 2u);
  EXPECT_EQ(
    good("ingest: {batches_in_flight: 8, request_window: 8}").ingest.request_window, 8u);
  const auto small = good("memory: {ceiling: 375MiB}");
  EXPECT_LT(small.ingest.request_window, 8u); // half of the budget at most
  EXPECT_GE(small.ingest.request_window, 4u);
}

TEST(config, api_keys_are_whole_distinct_and_name_streams_that_exist) {
  const std::string d{digest};
  const auto c =
    good("ingest: {api_keys: [{name: a, sha256: " + d + ", streams: [default]}]}");
  EXPECT_EQ(c.ingest.api_keys[0].name, "a");
  EXPECT_THAT(bad("ingest: {api_keys: [{name: a}]}"),
              HasSubstr("ingest.api_keys.0.sha256: is required"));
  EXPECT_THAT(bad("ingest: {api_keys: [{sha256: " + d + "}]}"),
              HasSubstr("ingest.api_keys.0.name: is required"));
  EXPECT_THAT(bad("ingest: {api_keys: [{name: a, sha256: " + d + ", burst: 5}]}"),
              HasSubstr("ingest.api_keys.0.burst: has no effect"));
  EXPECT_THAT(bad("ingest: {api_keys: [{name: a, sha256: abc}]}"),
              HasSubstr("64 hex digits"));
  EXPECT_THAT(bad("ingest:\n  api_keys:\n  - {name: a, sha256: " + d
                  + "}\n  - {name: a, sha256: " + d + ", streams: [none]}\n"),
              AllOf(HasSubstr("x.yaml:4: ingest.api_keys.1.name: \"a\" is used twice"),
                    HasSubstr("the same secret"), HasSubstr("no stream \"none\"")));
}

TEST(config, files_must_be_readable_and_are_relative_to_the_configuration) {
  EXPECT_THAT(
    bad("streams: {web: {schema: none.json}}"),
    HasSubstr(
      "streams.web.schema: \"none.json\": cannot read \"none.json\": No such file"));
  EXPECT_THAT(bad("ingest: {tls: {certificate: /etc/passwd}}"),
              HasSubstr("needs ingest.tls.key"));
  EXPECT_THAT(bad("ingest: {tls: {key: /etc}}"), HasSubstr("is a directory"));
  const auto directory = std::filesystem::temp_directory_path() / "weir_config_test";
  std::filesystem::create_directories(directory);
  std::ofstream{directory / "s.json"} << "{}";
  const auto c =
    parse_config("streams: {web: {schema: s.json}}", (directory / "c.yaml").string());
  ASSERT_TRUE(c) << c.error().text;
  EXPECT_EQ(c->streams.at("web").schema_file, (directory / "s.json").string());
  std::filesystem::remove_all(directory);
}

class tls_config : public testing::Test {
 protected:
  tls_config() {
    const auto authority = make_authority(1).value();
    write("ca.pem", authority.certificate);
    for (const auto* name : {"a", "b"}) {
      const auto made = issue_certificate(authority, {name, {}, 1}).value();
      write(std::string{name} + ".pem", made.certificate);
      write(std::string{name} + ".key", made.key);
    }
    encrypt("a.key", "encrypted.key");
  }
  ~tls_config() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) { return directory_ + "/" + name; }
  void write(const std::string& name, const std::string& text) {
    std::ofstream{path(name)} << text;
  }
  void encrypt(const std::string& from, const std::string& to) {
    std::FILE* file = std::fopen(path(from).c_str(), "r");
    EVP_PKEY* key = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
    std::fclose(file);
    file = std::fopen(path(to).c_str(), "w");
    PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "secret", 6, nullptr,
                              nullptr);
    std::fclose(file);
    EVP_PKEY_free(key);
  }
  std::string ingest(const std::string& certificate, const std::string& key) {
    return "ingest:\n  tls: {certificate: " + path(certificate) + ", key: " + path(key)
           + "}";
  }
  std::string cluster(const std::string& ca, const std::string& certificate,
                      const std::string& key) {
    return "node: {name: a}\ncluster:\n  roles: [worker]\n  tls: {ca: " + path(ca)
           + ", certificate: " + path(certificate) + ", key: " + path(key) + "}";
  }

 private:
  std::string directory_ = [] {
    auto pattern =
      (std::filesystem::temp_directory_path() / "weir-config-tls-XXXXXX").string();
    return std::string{::mkdtemp(pattern.data())};
  }();
};

TEST_F(tls_config, of_the_ingest_listener_is_loaded_as_the_node_would) {
  good(ingest("a.pem", "a.key"));
  EXPECT_THAT(bad(ingest("a.key", "a.key")),
              AllOf(HasSubstr("x.yaml:2: ingest.tls: TLS certificate "),
                    HasSubstr("can't be used")));
  EXPECT_THAT(bad(ingest("a.pem", "ca.pem")), HasSubstr("can't be used"));
  EXPECT_THAT(bad(ingest("a.pem", "b.key")), HasSubstr("key values mismatch"));
}

TEST_F(tls_config, of_a_cluster_is_loaded_as_the_node_would) {
  good(cluster("ca.pem", "a.pem", "a.key"));
  EXPECT_THAT(bad(cluster("a.key", "a.pem", "a.key")),
              HasSubstr("x.yaml:4: cluster.tls.ca: "));
  EXPECT_THAT(bad(cluster("ca.pem", "a.pem", "b.key")), HasSubstr("key values mismatch"));
  EXPECT_THAT(bad(cluster("ca.pem", "b.pem", "b.key")),
              HasSubstr("is for b, but node.name"));
}

TEST_F(tls_config, a_key_that_is_encrypted_is_an_error_and_no_question) {
  EXPECT_THAT(bad(ingest("a.pem", "encrypted.key")),
              AllOf(HasSubstr("x.yaml:2: ingest.tls.key: "), HasSubstr("is encrypted"),
                    HasSubstr("openssl pkey")));
  EXPECT_THAT(bad(cluster("ca.pem", "a.pem", "encrypted.key")),
              AllOf(HasSubstr("x.yaml:4: cluster.tls.key: "), HasSubstr("is encrypted")));
}

TEST(config, a_missing_file_is_a_bad_configuration) {
  const auto c = load_config("/nowhere/weir.yaml");
  ASSERT_FALSE(c);
  EXPECT_EQ(c.error().code, ec::invalid_config);
  EXPECT_EQ(c.error().text, "/nowhere/weir.yaml: cannot open: No such file or directory");
}

TEST(config, where_gives_the_nearest_place_above) {
  const auto c = good("streams:\n  web:\n    transform: []\n", {"log.level=debug"});
  EXPECT_EQ(c.where("streams.web.transform"), "x.yaml:3");
  EXPECT_EQ(c.where("streams.web.schema"), "x.yaml:2");
  EXPECT_EQ(c.where("log.level"), "--set");
  EXPECT_EQ(c.where("journal.bytes_max"), "x.yaml");
}

TEST(config, no_streams_at_all_serve_nothing_and_are_refused) {
  EXPECT_EQ(bad("streams: {}"),
            "x.yaml:1: streams: expected at least one name with settings below it");
}

TEST(config, places_that_collide_are_found_however_they_are_written) {
  EXPECT_THAT(bad("sink: {path: /tmp/x/../x/dead-letters.db}\n"
                  "dead_letters: {path: /tmp/x/dead-letters.db}"),
              HasSubstr("dead_letters.path: is also the path of the sink"));
  EXPECT_THAT(bad("journal: {directory: /tmp/x/}\nsink: {path: /tmp/./x}"),
              HasSubstr("sink.path: is also the journal's directory"));
  EXPECT_THAT(bad("data_dir: d\nsink: {path: d/journal/weir.db}"),
              HasSubstr("sink.path: is inside the journal's directory"));
  EXPECT_THAT(bad("journal: {directory: /tmp/x}\ndead_letters: {path: /tmp/x/y/l.db}"),
              HasSubstr("dead_letters.path: is inside the journal's directory"));
  good("journal: {directory: /tmp/x}\nsink: {path: /tmp/xy.db}");
}
