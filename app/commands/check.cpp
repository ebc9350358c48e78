#include "app/commands/check.hpp"

#include "app/commands/arguments.hpp"
#include "app/commands/registry.hpp"
#include "app/config/catalog_loader.hpp"
#include "app/config/config_reference.hpp"
#include "app/config/units.hpp"
#include "base/exit_code.hpp"
#include "storage/open_sink.hpp"

#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <iostream>
#include <memory>

namespace weir {
namespace {

void print_stream(const config& settings, const std::string& name,
                  const stream_spec& spec, std::ostream& out) {
  const auto& s = spec.settings;
  out << fmt::format(
    "stream {}\n  priority {}, ack {}, admission {}{}, dead letters {}\n", name,
    to_string(s.level), to_string(s.ack), to_string(s.admission),
    s.admission == admission_policy::wait ? " up to " + format_duration(s.admission_wait)
                                          : "",
    to_string(s.dead_letters));
  out << fmt::format("  records up to {}, {} levels deep{}\n",
                     format_bytes(s.record_bytes_max), s.json_depth_max,
                     s.records_per_second > 0
                       ? fmt::format(", {} a second", format_real(s.records_per_second))
                       : "");
  // Only the configuration knows the file; the catalog has the compiled schema.
  const auto& schema_file = settings.streams.find(name)->second.schema_file;
  out << "  schema " << (schema_file.empty() ? "none: any JSON object" : schema_file)
      << '\n';
  const auto lines = spec.steps->describe();
  if (lines.empty())
    out << "  steps none: records are stored as they come\n";
  for (const auto& line : lines)
    out << "  step " << line << '\n';
}

void print_memory(const config& settings, std::ostream& out) {
  out << fmt::format("memory {} at most\n", format_bytes(settings.memory_ceiling));
  for (const auto& share : memory_plan(settings))
    out << fmt::format("  {:<16} {:>9.1f} MiB  {}\n", share.name,
                       static_cast<double>(share.bytes) / (1 << 20), share.formula);
}

std::string guarded(const tls_files& tls, size_t keys) {
  return fmt::format("{}, {}", tls.enabled() ? "TLS" : "no TLS",
                     keys == 0 ? "no API keys" : fmt::format("{} API keys", keys));
}

std::string describe_sink(const sink_config& sink) {
  const auto& kind = kind_of(sink);
  return fmt::format("sink {}\n",
                     kind.describe ? kind.describe(sink) : sink.kind + ' ' + sink.path);
}

/// True if there is nothing to connect to, or it answered as it should.
bool sink_answers(const config& settings, std::ostream& out, std::ostream& err) {
  const auto probe = kind_of(settings.sink).probe;
  if (!probe) {
    out << "--connect: the sink is local\n";
    return true;
  }
  const auto found = probe(settings.sink, false);
  if (found)
    out << *found << '\n';
  else
    err << found.error().text << '\n';
  return found.has_value();
}

} // namespace

void print_config(const config& settings, const catalog& streams, std::ostream& out) {
  const auto& c = settings;
  out << fmt::format("ingest {} ({}), {} threads, {} connections\n",
                     to_string(c.ingest.listen),
                     guarded(c.ingest.tls, c.ingest.api_keys.size()), c.ingest.threads,
                     c.ingest.connections_max);
  out << fmt::format("operations {} ({})\n", to_string(c.operations.listen),
                     c.operations.token_sha256.empty()
                       ? "no token"
                       : "token for dead letters and changes");
  out << fmt::format("workers {} validate, {} transform\n", c.pipeline.validate_workers,
                     c.pipeline.transform_workers);
  out << fmt::format("journal {}, {} in segments of {}\n", c.journal.directory,
                     format_bytes(c.journal.bytes_max),
                     format_bytes(c.journal.segment_bytes));
  out << describe_sink(c.sink);
  out << fmt::format("dead letters {}\n", c.dead_letters.path);
  print_memory(c, out);
  for (const auto& [name, spec] : streams.streams())
    print_stream(c, name, spec, out);
}

int command_check(const config& settings, const check_options& options, std::ostream& out,
                  std::ostream& err) {
  const auto streams = load_catalog(settings);
  if (!streams) {
    err << streams.error().text << '\n';
    return exit_bad_config;
  }
  if (options.dry_run.empty()) {
    print_config(settings, **streams, out);
    if (options.connect && !sink_answers(settings, out, err))
      return exit_failed;
    out << fmt::format("{}: all good\n", settings.file);
    return exit_ok;
  }
  if (!(*streams)->find(options.stream)) {
    err << fmt::format("--stream: {}: there is no such stream in {}\n",
                       in_quotes(options.stream), settings.file);
    return exit_usage;
  }
  const auto totals = dry_run(settings, *streams, options, out);
  out.flush();
  if (!totals) {
    // An error about the file itself begins with its name.
    const auto& why = totals.error().text;
    err << (why.starts_with(options.dry_run + ":") ? "" : options.dry_run + ": ") << why
        << '\n';
    return exit_failed;
  }
  err << fmt::format("{}: {} would be stored, {} rejected, {} dropped\n", options.dry_run,
                     totals->stored, totals->rejected, totals->dropped);
  return totals->rejected == 0 ? exit_ok : exit_failed;
}

void declare_check(CLI::App& app, command_list& into) {
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
  into.commands.push_back(
    {command, [s, stream] {
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
     }});
}

} // namespace weir
