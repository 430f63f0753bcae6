# Hands the requests on stdin to receiver.rb and says what came of each: see languages.ts.
require "stringio"
require_relative "receiver"

inbox = {}
$stdin.read.chomp.split("\n").each do |line|
  secret, standard_secret, body, *rest = line.split("\t", -1).map { |text| text.unpack1("m0") }
  env = rest.each_slice(2).to_h { |name, value| ["HTTP_#{name.upcase.tr("-", "_")}", value] }
  plain = TidingsSignature.plain_valid?(secret, env, body)
  before = inbox.size
  status, = TidingsReceiver.new(standard_secret, inbox).call(env.merge("rack.input" => StringIO.new(body)))
  puts [plain, status, inbox.size > before].join(" ")
end
