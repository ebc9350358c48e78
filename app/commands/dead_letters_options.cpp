// The subcommands of `weir dead-letters`: their options and their help.
#include "app/commands/arguments.hpp"
#include "app/commands/dead_letters.hpp"
#include "app/commands/registry.hpp"
#include "base/exit_code.hpp"

#include <iostream>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

namespace weir {
namespace {

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

void declare_list(CLI::App& parent, command_list& into) {
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
  into.commands.push_back({command, run_dead_letters(s, command_dead_letters_list)});
}

void declare_show(CLI::App& parent, command_list& into) {
  auto* command = parent.add_subcommand("show", "Print some of them whole");
  auto s = std::make_shared<dead_letters_state>();
  add_config_arguments(*command, s->arguments);
  command->add_option("id", s->options.ids, "Their ids")
    ->required()
    ->check(not_whole_number)
    ->type_name("ID");
  command->footer("Example:\n  weir dead-letters show 17 -c weir.yaml");
  into.commands.push_back({command, run_dead_letters(s, command_dead_letters_show)});
}

void declare_delete(CLI::App& parent, command_list& into) {
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
  into.commands.push_back(
    {command, [s, run = std::move(run)] {
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
     }});
}

void declare_replay(CLI::App& parent, command_list& into) {
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
  into.commands.push_back({command, [s, run = std::move(run)] {
                             if (s->options.all || !s->options.ids.empty())
                               return run();
                             std::cerr << "dead-letters replay: name ids, or say --all\n";
                             return static_cast<int>(exit_usage);
                           }});
}

} // namespace

void declare_dead_letters(CLI::App& app, command_list& into) {
  auto* letters = app.add_subcommand("dead-letters",
                                     "List, show, replay and delete records not stored");
  letters->require_subcommand(1);
  letters->footer("Example:\n  weir dead-letters list -c weir.yaml");
  declare_list(*letters, into);
  declare_show(*letters, into);
  declare_replay(*letters, into);
  declare_delete(*letters, into);
}

} // namespace weir
