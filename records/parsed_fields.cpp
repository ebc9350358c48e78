#include "records/parsed_fields.hpp"

#include "records/access_log.hpp"

namespace weir::steps {

namespace {

// The log's own escapes of quote and backslash; \xhh stays, it need not be UTF-8.
std::string_view unquoted(std::string_view text, arena& memory) {
  if (text.find('\\') == std::string_view::npos)
    return text;
  char* const start = memory.allocate(text.size());
  char* out = start;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size()
                        && (text[i + 1] == '"' || text[i + 1] == '\\');
    *out++ = text[escape ? ++i : i];
  }
  const auto size = static_cast<size_t>(out - start);
  memory.shrink(start, size);
  return {start, size};
}

struct log_fields {
  parsed_fields fields;
  step_run& run;

  void text_or_null(std::string_view name, std::string_view text) {
    if (text == "-")
      fields.add(name, value{});
    else
      fields.add_text(name, unquoted(text, run.memory));
  }
  void number_or_null(std::string_view name, std::string_view digits) {
    fields.add(name, digits == "-" ? value{} : value::json(digits));
  }
  void request(const access_line& line) {
    if (line.method.empty()) {
      fields.add_text("request", unquoted(line.request, run.memory));
      for (const std::string_view name : {"method", "path", "protocol"})
        fields.add(name, value{});
      return;
    }
    fields.add_text("method", line.method);
    fields.add_text("path", unquoted(line.path, run.memory));
    fields.add_text("protocol", line.protocol);
  }
};

} // namespace

parsed_text read_access_log(std::string_view line, bool combined, step_run& run) {
  access_line parsed;
  if (const char* const why = parse_access_line(line, combined, parsed))
    return {nullptr, why};
  log_fields log{parsed_fields{run}, run};
  rfc3339_buffer buffer;
  log.fields.add_text("host", parsed.host);
  log.text_or_null("ident", parsed.ident);
  log.text_or_null("user", parsed.user);
  log.fields.add_text("time", run.memory.copy(to_rfc3339(parsed.time, buffer)));
  log.request(parsed);
  log.number_or_null("status", parsed.status);
  log.number_or_null("bytes", parsed.bytes);
  if (combined) {
    log.text_or_null("referrer", parsed.referrer);
    log.text_or_null("user_agent", parsed.agent);
  }
  return {log.fields.node(), nullptr};
}

} // namespace weir::steps
