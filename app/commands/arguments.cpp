#include "app/commands/arguments.hpp"

#include "app/config/config_text.hpp"
#include "app/config/units.hpp"
#include "base/exit_code.hpp"
#include "records/formats/kind.hpp"
#include "records/formats/media_type.hpp"

#include <cstdlib>
#include <iostream>

#include <CLI/CLI.hpp>

namespace weir {

void add_config_arguments(CLI::App& command, config_arguments& into, bool required) {
  command.add_option("-c,--config", into.file, "Configuration file (YAML)")
    ->required(required)
    ->envname("WEIR_CONFIG")
    ->type_name("FILE");
  command
    .add_option(
      "--set", into.overrides,
      "Override one key, as in --set ingest.threads=4 or --set streams.web.ack=stored; "
      "repeatable")
    ->type_name("KEY=VALUE")
    ->expected(1)
    ->take_all();
}

void add_parsed(CLI::App& command, const std::string& name, const std::string& help,
                const std::string& type,
                std::function<std::string(const std::string&)> parse) {
  command
    .add_option_function<std::string>(
      name,
      [name, parse = std::move(parse)](const std::string& text) {
        if (const auto error = parse(text); !error.empty())
          throw CLI::ValidationError(name, in_quotes(text) + ": " + error);
      },
      help)
    ->type_name(type);
}

std::string not_whole_number(const std::string& text) {
  const auto number = parse_count(text);
  return number ? "" : in_quotes(text) + ": " + number.error();
}

void add_server_arguments(CLI::App& command, server_options& into) {
  if (const char* secret = std::getenv("WEIR_API_KEY"))
    into.api_key = secret; // not an option: command lines are seen by everybody
  command
    .add_option("--url", into.url,
                "The node's ingest listener (default: the configuration's, or else "
                "http://127.0.0.1:8080)")
    ->envname("WEIR_URL")
    ->type_name("URL");
  command
    .add_option("--ca-file", into.ca_file,
                "PEM file of the authority behind an https URL")
    ->type_name("FILE");
  command
    .add_option("--retries", into.retries,
                "How often one request is sent again on 429, 503 or a lost connection")
    ->capture_default_str()
    ->check(CLI::Range(0, 1'000'000))
    ->type_name("N");
  add_parsed(command, "--timeout",
             "For how long one request is sent again, 1s … 1d (default: as often as "
             "--retries says)",
             "DURATION", [&into](const std::string& text) -> std::string {
               using namespace std::chrono_literals;
               const auto time = parse_duration(text);
               if (!time)
                 return time.error();
               into.timeout = *time;
               return *time >= 1s && *time <= 24h ? "" : "allowed: 1s … 1d";
             });
  command
    .add_option("--ack", into.ack,
                "What a record counts as stored at: durable (on disk) or stored (in the "
                "sink). Default: what the stream's `ack` says; on disk where that is "
                "`accepted`")
    ->check(CLI::IsMember({"durable", "stored"}))
    ->type_name("ACK");
}

void add_format_arguments(CLI::App& command, format_options& into) {
  std::string names;
  for (const auto* kind : format_kinds())
    (names += names.empty() ? "" : ", ") += kind->name;
  add_parsed(command, "-f,--format", names + ", or sniff: from the first bytes (default)",
             "FORMAT", [&into, names](const std::string& text) -> std::string {
               if (const auto* kind = find_format(text)) {
                 into.format = kind->format;
                 return {};
               }
               // The first bytes of the file decide.
               into.format.reset();
               return text == "sniff" ? "" : "expected " + names + " or sniff";
             });
  add_parsed(command, "--content-type",
             "The same as a media type, like \"text/csv; header=absent\"", "TYPE",
             [&into](const std::string& text) -> std::string {
               const auto type = media_type_of(text);
               if (!type)
                 return type.error().text;
               into.format = type->format;
               into.csv_header = type->csv_header;
               if (type->csv_delimiter)
                 into.csv_delimiter = type->csv_delimiter;
               return {};
             });
  add_parsed(
    command, "--csv-delimiter",
    "Between fields of CSV: one character, or comma, semicolon, tab, pipe, colon, "
    "space (default: the stream's in --config, or else comma)",
    "CHARACTER", [&into](const std::string& text) -> std::string {
      into.csv_delimiter = csv_delimiter_of(text);
      return into.csv_delimiter ? ""
                                : "expected one character that is no letter, digit, "
                                  "quote or line end, or its name";
    });
}

void add_stream(CLI::App& command, std::string& into, const std::string& help) {
  add_parsed(command, "-s,--stream", help, "NAME", [&into](const std::string& text) {
    into = text;
    return is_label(text) ? std::string{} : "expected " + std::string{label_pattern};
  });
}

std::function<std::string(const std::string&)> time_into(int64_t& into) {
  return [&into](const std::string& text) -> std::string {
    const auto time = parse_rfc3339_us(text);
    if (time)
      into = *time;
    return time ? "" : time.error();
  };
}

int with_config(const config_arguments& arguments,
                const std::function<int(const config&)>& then) {
  const auto settings = load_config(arguments.file, arguments.overrides);
  if (settings)
    return then(*settings);
  std::cerr << settings.error().text << '\n';
  return exit_bad_config;
}

} // namespace weir
