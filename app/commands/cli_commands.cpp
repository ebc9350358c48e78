// The subcommands: their options, their help and what they call.
#include "app/commands/cli_options.hpp"
#include "app/commands/command_check.hpp"
#include "app/commands/command_cluster.hpp"
#include "app/commands/command_dead_letters.hpp"
#include "app/commands/command_export.hpp"
#include "app/commands/command_migrate.hpp"
#include "app/commands/command_send.hpp"
#include "app/config/config_reference.hpp"
#include "app/config/config_text.hpp"
#include "app/config/units.hpp"
#include "app/logging/logging.hpp"
#include "app/logging/version.hpp"

#include <iostream>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>
#include <unistd.h>

namespace weir {
namespace {

/// Loads the configuration and hands it on, or prints its errors.
int with_config(const config_arguments& arguments,
                const std::function<int(const config&)>& then) {
  const auto settings = load_config(arguments.file, arguments.overrides);
  if (settings)
    return then(*settings);
  std::cerr << settings.error().text << '\n';
  return exit_bad_config;
}

/// Adds the option for a stream's name.
void add_stream(CLI::App& command, std::string& into, const std::string& help) {
  add_parsed(command, "-s,--stream", help, "NAME", [&into](const std::string& text) {
    into = text;
    return is_label(text) ? std::string{} : "expected " + std::string{label_pattern};
  });
}

registered_command declare_run(CLI::App& app,
                               const std::function<int(const run_options&)>& run_node) {
  auto* command = app.add_subcommand("run", "Run a node until SIGTERM or SIGINT");
  // Shared with the lambda, which runs after this function has returned.
  auto arguments = std::make_shared<config_arguments>();
  add_config_arguments(*command, *arguments);
  command->footer(
    "SIGTERM and SIGINT drain and stop; a second one ends at once. SIGHUP reads the\n"
    "configuration again and swaps schemas, transforms and limits; in a drain it does\n"
    "nothing.\n\n"
    "Examples:\n"
    "  weir run --config configs/single-node.yaml\n"
    "  weir run -c weir.yaml --set data_dir=/var/lib/weir --set log.level=debug");
  return {command, [arguments, run_node] {
            return with_config(*arguments, [&](const config& settings) {
              start_logging(settings.log);
              return run_node({arguments->file, arguments->overrides, settings});
            });
          }};
}

registered_command declare_check(CLI::App& app) {
  struct state {
    config_arguments arguments;
    check_options options;
    bool keys = false;
  };
  auto* command =
    app.add_subcommand("check", "Validate a configuration, its schemas and transforms");
  auto s = std::make_shared<state>();
  add_config_arguments(*command, s->arguments);
  // --keys needs no configuration; the others ask for it below.
  command->get_option("--config")->required(false);
  command->add_flag("--keys", s->keys,
                    "Print the table of all configuration keys and end");
  command->add_flag("--connect", s->options.connect,
                    "Connect to the sink's server too, and look at its tables");
  command
    ->add_option(
      "--dry-run", s->options.dry_run,
      "Run a file's records through a stream and print what would be stored; - is stdin")
    ->type_name("FILE");
  add_stream(*command, s->options.stream, "The stream of --dry-run (default: default)");
  add_format_arguments(*command, s->options.format);
  command->footer(
    "Ends with 0 when all is good, 78 when the configuration is not, and 1 when a dry\n"
    "run would reject a record. Records go to stdout, the summary to stderr.\n\n"
    "Examples:\n"
    "  weir check --config weir.yaml\n"
    "  weir check --config weir.yaml --dry-run access.log --stream web");
  const auto* stream = command->get_option("--stream");
  return {command, [s, stream] {
            if (stream->count() > 0 && s->options.dry_run.empty()) {
              std::cerr << "--stream has no effect without --dry-run FILE\n";
              return static_cast<int>(exit_usage);
            }
            if (s->keys) {
              std::cout << config_reference_markdown() << std::flush;
              return static_cast<int>(exit_ok);
            }
            if (s->arguments.file.empty()) {
              std::cerr << "--config is required\n";
              return static_cast<int>(exit_usage);
            }
            return with_config(s->arguments, [&](const config& settings) {
              return command_check(settings, s->options, std::cout, std::cerr);
            });
          }};
}

/// Standard input can be read only once.
CLI::Validator once_standard_input() {
  const auto seen = std::make_shared<bool>(false);
  return CLI::Validator{[seen](std::string& text) {
                          const bool again = text == "-" && std::exchange(*seen, true);
                          return again ? std::string{"- (stdin) is named twice"}
                                       : std::string{};
                        },
                        ""};
}

registered_command declare_send(CLI::App& app) {
  auto* command =
    app.add_subcommand("send", "Send a file to a node, record by record accounted for");
  auto options = std::make_shared<send_options>();
  auto arguments = std::make_shared<config_arguments>();
  add_config_arguments(*command, *arguments, false);
  command->add_option("file", options->files, "Files, sent one after another; - is stdin")
    ->required()
    ->check(once_standard_input())
    ->type_name("FILE");
  add_server_arguments(*command, options->server);
  add_stream(*command, options->stream, "The stream to send to (default: default)");
  add_format_arguments(*command, options->format);
  add_parsed(
    *command, "-k,--key",
    "Idempotency-Key of the run: sending the same files again with it, in the same "
    "order, stores nothing twice. Default: derived from each file's path, size and "
    "time, so that the same command may be repeated",
    "TEXT", [options](const std::string& text) -> std::string {
      options->key = text;
      return is_node_name(text) ? "" : "expected 1 … 64 letters, digits, `.`, `_` or `-`";
    });
  add_parsed(*command, "--batch-bytes", "Size of one request (default: 4MiB)", "SIZE",
             [options](const std::string& text) -> std::string {
               const auto bytes = parse_bytes(text);
               if (!bytes)
                 return bytes.error();
               options->batch_bytes = *bytes;
               return *bytes >= 1024 && *bytes <= (uint64_t{1} << 30)
                        ? ""
                        : "allowed: 1KiB … 1GiB";
             });
  command
    ->add_option("--show-rejected", options->rejected_shown_max,
                 "Rejected records to print")
    ->capture_default_str()
    ->check(not_whole_number)
    ->type_name("N");
  command
    ->add_option("--refused-max", options->refused_max,
                 "Records a node refuses one by one (those longer than record_bytes_max, "
                 "mostly) before the run ends; all others are sent")
    ->capture_default_str()
    ->check(CLI::Range(1, 1'000'000'000))
    ->type_name("N");
  command->footer(
    "Each file, which may be gzip or zstd, is cut at record boundaries into requests; "
    "each\n"
    "is repeated until it is answered, as the node's Retry-After says. A pipe that "
    "gives\n"
    "nothing for a second is silent: what came so far is sent. An API key comes from\n"
    "WEIR_API_KEY.\n\n"
    "Ends with 1 when any record was not stored. Ctrl-C lets the request on its way be\n"
    "answered, says how far it came, and ends with 130 (SIGTERM: 143): the same command\n"
    "goes on, and nothing is stored twice.\n\n"
    "Examples:\n"
    "  weir send access.log --stream web\n"
    "  weir send access.log.2.gz access.log.1 access.log --stream web\n"
    "  tail -F access.log | weir send - --stream web\n"
    "  weir send events.ndjson.gz --stream events --key may-17");
  return {command, [options, arguments] {
            const auto send = [&] {
              return command_send(*options, std::cout, std::cerr);
            };
            if (!options->server.url.empty())
              return send();
            // Without --url the configuration says where the node is.
            options->server.url = "http://127.0.0.1:8080";
            if (arguments->file.empty())
              return send();
            return with_config(*arguments, [&](const config& settings) {
              options->server.url = ingest_url(settings);
              if (const auto stream = settings.streams.find(options->stream);
                  stream != settings.streams.end())
                options->csv = stream->second.settings.csv;
              return send();
            });
          }};
}

/// Parses the text of an option that takes a time.
auto time_into(int64_t& into) {
  return [&into](const std::string& text) -> std::string {
    const auto time = parse_rfc3339_us(text);
    if (time)
      into = *time;
    return time ? "" : time.error();
  };
}

registered_command declare_export(CLI::App& app) {
  struct state {
    config_arguments arguments;
    export_command_options options;
  };
  auto* command =
    app.add_subcommand("export", "Print every durable record, one JSON object a line");
  auto s = std::make_shared<state>();
  add_config_arguments(*command, s->arguments);
  add_stream(*command, s->options.stream, "Only this stream (default: all)");
  add_parsed(*command, "--since", "Only what was received at this time or later", "TIME",
             time_into(s->options.since_us));
  add_parsed(*command, "--until", "Only what was received before this time", "TIME",
             time_into(s->options.until_us));
  command->add_option("--limit", s->options.limit, "At most so many records")
    ->check(not_whole_number)
    ->type_name("N");
  command->add_flag("--meta", s->options.meta,
                    "Wrap each record with id, stream, received_at, batch");
  command->footer(
    "Reads the sink, and the journal for what the sink does not have yet; also while\n"
    "no node runs. Times are RFC 3339, or a date alone for midnight UTC.\n\n"
    "Examples:\n"
    "  weir export --config weir.yaml > all.ndjson\n"
    "  weir export -c weir.yaml --stream web --since 2024-05-17 --meta --limit 10");
  return {command, [s] {
            return with_config(s->arguments, [&](const config& settings) {
              return command_export(settings, s->options, STDOUT_FILENO, std::cerr);
            });
          }};
}

struct dead_letters_state {
  config_arguments arguments;
  dead_letters_options options;
};

using dead_letters_function = int (*)(const config&, const dead_letters_options&,
                                      std::ostream&, std::ostream&);

command_function run_dead_letters(std::shared_ptr<dead_letters_state> s,
                                  dead_letters_function run) {
  return [s = std::move(s), run] {
    return with_config(s->arguments, [&](const config& settings) {
      return run(settings, s->options, std::cout, std::cerr);
    });
  };
}

registered_command declare_dead_letters_list(CLI::App& parent) {
  auto* command = parent.add_subcommand("list", "List them, oldest first");
  auto s = std::make_shared<dead_letters_state>();
  add_config_arguments(*command, s->arguments);
  add_stream(*command, s->options.stream, "Only this stream (default: all)");
  command->add_option("--after", s->options.after, "Only ids above this one")
    ->check(not_whole_number)
    ->type_name("ID");
  command->add_option("--limit", s->options.limit, "At most so many")
    ->capture_default_str()
    ->check(not_whole_number)
    ->check(CLI::Range(1, 10'000))
    ->type_name("N");
  command->add_flag("--json", s->options.json, "One JSON object a line, bodies included");
  command->footer(
    "Example:\n  weir dead-letters list -c weir.yaml --stream web --limit 20");
  return {command, run_dead_letters(s, command_dead_letters_list)};
}

registered_command declare_dead_letters_show(CLI::App& parent) {
  auto* command = parent.add_subcommand("show", "Print some of them whole");
  auto s = std::make_shared<dead_letters_state>();
  add_config_arguments(*command, s->arguments);
  command->add_option("id", s->options.ids, "Their ids")
    ->required()
    ->check(not_whole_number)
    ->type_name("ID");
  command->footer("Example:\n  weir dead-letters show 17 -c weir.yaml");
  return {command, run_dead_letters(s, command_dead_letters_show)};
}

registered_command declare_dead_letters_delete(CLI::App& parent) {
  auto* command = parent.add_subcommand("delete", "Delete some of them for good");
  auto s = std::make_shared<dead_letters_state>();
  add_config_arguments(*command, s->arguments);
  auto* ids = command->add_option("id", s->options.ids, "Their ids")
                ->check(not_whole_number)
                ->type_name("ID");
  add_stream(*command, s->options.stream, "All of this stream");
  add_parsed(*command, "--before", "All that were received before this time", "TIME",
             time_into(s->options.before_us));
  command->add_flag("--all", s->options.all, "Every one; needs --yes")->excludes(ids);
  command->add_flag("--yes", s->options.yes, "With --all: they are really meant");
  command->footer(
    "With ids, --stream and --before those go that are meant by all of them. Works "
    "while\n"
    "the node runs and while it does not. Ids are never given again.\n\n"
    "Examples:\n"
    "  weir dead-letters delete 17 18 -c weir.yaml\n"
    "  weir dead-letters delete --stream web --before 2024-05-17 -c weir.yaml\n"
    "  weir dead-letters delete --all --yes -c weir.yaml");
  auto run = run_dead_letters(s, command_dead_letters_delete);
  return {command, [s, run = std::move(run)] {
            const auto& o = s->options;
            // A forgotten argument must not delete everything.
            const bool chosen = !o.ids.empty() || !o.stream.empty() || o.before_us != 0;
            if (chosen || (o.all && o.yes))
              return run();
            std::cerr << (o.all ? "dead-letters delete: --all deletes every letter for"
                                  " good: say --yes as well\n"
                                : "dead-letters delete: name ids, or say --stream,"
                                  " --before or --all\n");
            return static_cast<int>(exit_usage);
          }};
}

registered_command declare_dead_letters_replay(CLI::App& parent) {
  auto* command =
    parent.add_subcommand("replay", "Send them again as records of their streams");
  auto s = std::make_shared<dead_letters_state>();
  add_config_arguments(*command, s->arguments);
  add_server_arguments(*command, s->options.server);
  auto* ids = command->add_option("id", s->options.ids, "Their ids")
                ->check(not_whole_number)
                ->type_name("ID");
  auto* all =
    command->add_flag("--all", s->options.all, "Every one that was not replayed yet");
  add_stream(*command, s->options.stream, "With --all: only this stream");
  ids->excludes(all);
  auto* header = command
                   ->add_option("--csv-header", s->options.csv_header,
                                "Rows of CSV were kept without their header: this is it")
                   ->type_name("ROW");
  add_parsed(
    *command, "--csv-delimiter",
    "What is between the fields of --csv-header and of the rows (default: as the "
    "stream says)",
    "CHARACTER", [s](const std::string& text) -> std::string {
      s->options.csv_delimiter = csv_delimiter_of(text);
      return s->options.csv_delimiter ? "" : "expected one character or its name";
    });
  // The header says that such letters are rows, --text that they are lines: not both.
  command
    ->add_flag("--text", s->options.text,
               "What may be a row of CSV or a line of text is a line of text")
    ->excludes(header);
  command->footer(
    "Each is sent with an Idempotency-Key of its own, so a repetition stores nothing\n"
    "twice. An API key comes from WEIR_API_KEY.\n\n"
    "A JSON object is sent as JSON. ragged_row and malformed_csv are rows of CSV;\n"
    "invalid_utf8, and malformed_json, not_an_object and the like when they are no\n"
    "object, are not sent. Others may be rows or lines, which has to be said.\n\n"
    "One that is rejected again is kept as a new letter, which takes its place: --all\n"
    "sends the new one. Where the stream discards rejected records (its\n"
    "`dead_letters` in the configuration), the old one stays. Ends with 1 when any\n"
    "was not stored.\n\n"
    "Examples:\n"
    "  weir dead-letters replay 17 18 -c weir.yaml\n"
    "  weir dead-letters replay --all --stream web -c weir.yaml");
  auto run = run_dead_letters(s, command_dead_letters_replay);
  return {command, [s, run = std::move(run)] {
            if (s->options.all || !s->options.ids.empty())
              return run();
            std::cerr << "dead-letters replay: name ids, or say --all\n";
            return static_cast<int>(exit_usage);
          }};
}

registered_command declare_migrate(CLI::App& app) {
  auto* command =
    app.add_subcommand("migrate", "Bring the tables of a PostgreSQL sink up to date");
  auto arguments = std::make_shared<config_arguments>();
  add_config_arguments(*command, *arguments);
  command->footer(
    "Makes or upgrades weir's tables and the partitions of the next days. Repeating it\n"
    "changes nothing. Nodes refuse tables that are older or newer than they know.\n\n"
    "Example:\n  weir migrate --config weir.yaml");
  return {command, [arguments] {
            return with_config(*arguments, [](const config& settings) {
              return command_migrate(settings, std::cout, std::cerr);
            });
          }};
}

registered_command declare_cluster_status(CLI::App& parent) {
  struct state {
    config_arguments arguments;
    std::string url;
    bool json = false;
  };
  auto* command =
    parent.add_subcommand("status", "Members, links and what is in flight on them");
  auto s = std::make_shared<state>();
  add_config_arguments(*command, s->arguments, false);
  command
    ->add_option("--url", s->url,
                 "The operations listener of a node (default: the configuration's, or "
                 "else http://127.0.0.1:8081)")
    ->type_name("URL");
  command->add_flag("--json", s->json, "The page as the node sent it");
  command->footer("Any node of the cluster may be asked; it shows its own links.\n\n"
                  "Examples:\n"
                  "  weir cluster status --url http://127.0.0.1:8081\n"
                  "  weir cluster status -c configs/cluster/worker.yaml");
  return {command, [s] {
            const auto show = [&](const std::string& url) {
              return command_cluster_status(url, s->json, std::cout, std::cerr);
            };
            // A URL that was given wins over the configuration.
            if (!s->url.empty())
              return show(s->url);
            if (s->arguments.file.empty())
              return show("http://127.0.0.1:8081");
            return with_config(s->arguments, [&](const config& settings) {
              return show(operations_url(settings));
            });
          }};
}

registered_command declare_version(CLI::App& app) {
  auto* command =
    app.add_subcommand("version", "Print the version, compiler and libraries");
  command->footer("Example:\n  weir version");
  return {command, [] {
            std::cout << version_report() << std::flush;
            return static_cast<int>(exit_ok);
          }};
}

} // namespace

std::vector<registered_command>
declare_commands(CLI::App& app, const std::function<int(const run_options&)>& run_node) {
  std::vector<registered_command> commands{declare_run(app, run_node), declare_check(app),
                                           declare_send(app), declare_export(app)};
  auto* letters = app.add_subcommand("dead-letters",
                                     "List, show, replay and delete records not stored");
  letters->require_subcommand(1);
  letters->footer("Example:\n  weir dead-letters list -c weir.yaml");
  commands.push_back(declare_dead_letters_list(*letters));
  commands.push_back(declare_dead_letters_show(*letters));
  commands.push_back(declare_dead_letters_replay(*letters));
  commands.push_back(declare_dead_letters_delete(*letters));
  commands.push_back(declare_migrate(app));
  declare_certs(app, commands);
  auto* cluster = app.add_subcommand("cluster", "Look at a cluster through one node");
  cluster->require_subcommand(1);
  cluster->footer("Example:\n  weir cluster status --url http://127.0.0.1:8081");
  commands.push_back(declare_cluster_status(*cluster));
  commands.push_back(declare_version(app));
  return commands;
}

} // namespace weir
