// Whatever is done to a configuration, reading it ends with a configuration or with
// errors that name a place.
#include "app/config/config.hpp"
#include "base/clock.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

using namespace weir;

namespace {

uint64_t seed_of_run() {
  const char* given = std::getenv("WEIR_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 20240517;
}

constexpr std::string_view original = R"(data_dir: ${WEIR_NOT_SET_ANYWHERE:-data}
ingest:
  listen: "127.0.0.1:8080"
  threads: 2
  head_timeout: 5s
  api_keys:
    - name: one
      sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
      streams: [web, events]
  shed: {low: 0.5, normal: 0.8}
journal: &j
  segment_bytes: 64MiB
streams:
  web:
    transform:
      - parse: {field: message, as: combined_log}
      - set: {field: a, value: [1, 2.5, null, 'x']}
  events: {record_bytes_max: 10KiB}
)";

constexpr std::string_view splices[] = {"- ",
                                        ": ",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        "*j",
                                        "&j ",
                                        "!!str ",
                                        "'",
                                        "\"",
                                        "|\n",
                                        "\t",
                                        "\n",
                                        "  ",
                                        "${",
                                        "${X",
                                        "%YAML",
                                        "---\n",
                                        "...\n",
                                        "? ",
                                        "#",
                                        "<<: *j",
                                        "\xc3",
                                        "9",
                                        "-",
                                        "\xef\xbb\xbf",
                                        "99999999999999999999MiB",
                                        "~",
                                        "auto"};

std::string mutate(std::string text, random_source& random) {
  for (auto changes = 1 + random.next() % 4; changes > 0; --changes) {
    const size_t at = text.empty() ? 0 : random.next() % text.size();
    switch (random.next() % 5) {
    case 0:
      text.erase(at, 1 + random.next() % 12);
      break;
    case 1:
      text.insert(at, splices[random.next() % std::size(splices)]);
      break;
    case 2:
      text.insert(at, text.substr(random.next() % (text.size() + 1), 40));
      break;
    case 3:
      if (!text.empty())
        text[at] = static_cast<char>(random.next());
      break;
    case 4:
      text.resize(at);
      break;
    }
  }
  return text;
}

} // namespace

TEST(config_property,
     a_mutated_configuration_never_crashes_and_every_error_names_its_place) {
  const auto seed = seed_of_run();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  random_source random{seed};
  size_t accepted = 0;
  size_t refused = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto text = mutate(std::string{original}, random);
    const auto settings = parse_config(text, "x.yaml");
    if (settings) {
      ++accepted;
      continue;
    }
    ++refused;
    std::istringstream lines{settings.error().text};
    for (std::string line; std::getline(lines, line);)
      EXPECT_TRUE(line.starts_with("x.yaml:") || line.starts_with("… and "))
        << line << "\n"
        << text;
    EXPECT_FALSE(settings.error().text.empty()) << text;
  }
  EXPECT_GT(accepted, 50u);
  EXPECT_GT(refused, 500u);
}

TEST(config_property, a_mutated_override_never_crashes_and_every_error_says_set) {
  const auto seed = seed_of_run();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  random_source random{seed};
  const std::string overrides[] = {"ingest.threads=3", "streams.web.ack=stored",
                                   "ingest.api_keys.one.records_per_second=5",
                                   "streams.web.transform=[{drop: {}}]"};
  for (int i = 0; i < 4000; ++i) {
    const auto text = mutate(overrides[random.next() % std::size(overrides)], random);
    const auto settings = parse_config(original, "x.yaml", {text});
    if (settings)
      continue;
    std::istringstream lines{settings.error().text};
    for (std::string line; std::getline(lines, line);)
      EXPECT_TRUE(line.starts_with("--set:") || line.starts_with("x.yaml:"))
        << line << "\n"
        << text;
  }
}
