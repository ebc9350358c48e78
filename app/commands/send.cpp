#include "app/commands/send.hpp"

#include "app/commands/arguments.hpp"
#include "app/commands/registry.hpp"
#include "app/config/config_text.hpp"
#include "app/config/units.hpp"
#include "app/send/file_source.hpp"
#include "app/send/interruption.hpp"
#include "app/send/send.hpp"
#include "app/send/server_post.hpp"
#include "base/exit_code.hpp"
#include "records/formats/media_type.hpp"

#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <iostream>
#include <memory>
#include <openssl/sha.h>
#include <utility>

namespace weir {
namespace {

/// The key is the same when the same unchanged file is sent again to the same stream, cut the same
/// way, so that nothing is stored twice. A file that was written to is another file.
std::string derived_key(const std::string& identity, const send_options& options) {
  const auto& format = options.format.format;
  const auto csv = options.format.dialect(options.csv);
  auto text = fmt::format("{}\n{}\n{}\n{}", identity, options.stream, options.batch_bytes,
                          format ? kind_of(*format).name : std::string_view{"sniff"});
  if (csv.said != 0 || csv != csv_dialect{})
    text += '\n' + content_type_of(body_format::csv, csv);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return fmt::format("{:02x}", fmt::join(digest, digest + 16, ""));
}

class send_run {
 public:
  send_run(const send_options& options, patient_post& post, const interruption& stop,
           std::ostream& out, std::ostream& err)
    : options_(options), post_(post), stop_(stop), out_(out), err_(err),
      progress_(stderr_is_terminal()) {}

  int run() {
    for (size_t i = 0; i < options_.files.size(); ++i) {
      if (ended_) // what ended the run would end it for any file
        err_ << one_line(options_.files[i], 256) << ": not sent\n";
      else
        one_file(i);
    }
    if (stop_.asked())
      return 128 + stop_.signal();
    return all_stored_ ? exit_ok : exit_failed;
  }

 private:
  void one_file(size_t index) {
    const auto& path = options_.files[index];
    auto source = open_source(path, &stop_);
    if (!source) {
      err_ << source.error().text << '\n';
      all_stored_ = false;
      ended_ = stop_.asked();
      return;
    }
    auto terms = terms_of(*source, index);
    const auto key = terms.key;
    cut_limits limits;
    limits.bytes = options_.batch_bytes;
    request_cutter cutter{source->read, options_.format.format, limits, source->ready,
                          options_.format.dialect(options_.csv)};
    sender sending{std::move(terms), post_, progress_, out_};
    const auto totals = sending.run(cutter, source->bytes_total);
    out_ << one_line(path, 256) << ": " << summary(totals) << std::endl;
    all_stored_ = all_stored_ && totals.all_stored();
    // A failure of the file itself leaves the others to be sent; any other ends the run.
    ended_ = stop_.asked() || (!totals.stopped.empty() && !totals.file_failed);
    if (ended_)
      say_how_to_go_on(path, totals, key, !source->identity.empty());
  }

  send_terms terms_of(const opened_source& source, size_t index) const {
    send_terms terms;
    terms.stream = options_.stream;
    terms.rejected_shown_max = options_.rejected_shown_max;
    terms.refused_max = options_.refused_max;
    terms.stopped = [this] { return stop_.asked(); };
    // What a pipe gave is nowhere else, so it is sent even after a request to stop.
    terms.finish_what_was_read = !source.bytes_total && source.identity.empty();
    const bool derived = options_.key.empty() && !source.identity.empty();
    terms.key = derived                ? derived_key(source.identity, options_)
                : options_.key.empty() ? random_run_key()
                                       : options_.key;
    terms.key_has_digest = derived;
    if (!options_.key.empty() && index > 0)
      terms.key += fmt::format(".{}", index + 1);
    return terms;
  }

  void say_how_to_go_on(const std::string& path, const send_totals& totals,
                        const std::string& key, bool is_file) {
    const auto name = one_line(path, 256);
    if (totals.settled > 0)
      err_ << fmt::format("{}: done to record {}, line {}\n", name, totals.settled,
                          totals.settled_line);
    else
      err_ << name << ": nothing is known to be stored by this run\n";
    // The key of a file makes it safe to send all of it again; a pipe has no such key.
    if (is_file)
      err_ << fmt::format(
        "{}: to go on, give the same command again: while the file is unchanged, what is "
        "stored is not stored twice (key {})\n",
        name, key);
    else
      err_ << fmt::format("{}: to go on, send what comes behind line {}\n", name,
                          totals.settled_line);
  }

  const send_options& options_;
  patient_post& post_;
  const interruption& stop_;
  std::ostream& out_;
  std::ostream& err_;
  progress_line progress_;
  bool all_stored_ = true;
  bool ended_ = false; ///< nothing more is sent
};

} // namespace

std::string ingest_url(const config& settings) {
  return (settings.ingest.tls.enabled() ? "https://" : "http://")
         + to_string(from_here(settings.ingest.listen));
}

int command_send(const send_options& options, std::ostream& out, std::ostream& err) {
  interruption stop;
  auto post = post_to_server(options.server, &stop);
  if (!post) {
    err << post.error().text << '\n';
    return post.error().code == ec::io_failed ? exit_failed : exit_usage;
  }
  return send_run{options, *post, stop, out, err}.run();
}

namespace {

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

} // namespace

void declare_send(CLI::App& app, command_list& into) {
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
  into.commands.push_back(
    {command, [options, arguments] {
       const auto send = [&] { return command_send(*options, std::cout, std::cerr); };
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
     }});
}

} // namespace weir
