# Hands the requests on stdin to signature.ex and receiver.ex and says what came of each: see languages.ts.

real_plug? = Code.ensure_loaded?(Plug.Test)

# Plug is no part of Elixir. Where it is not on the code path, this stands for what receiver.ex uses of it.
unless real_plug? do
  defmodule Plug do
    @callback init(term) :: term
    @callback call(term, term) :: term
  end

  defmodule Plug.Conn do
    defstruct [:method, :request_path, :body, :status, req_headers: [], halted: false]

    def read_body(conn), do: {:ok, conn.body, %{conn | body: ""}}
    def get_req_header(conn, name), do: for({^name, value} <- conn.req_headers, do: value)
    def send_resp(conn, status, _body), do: %{conn | status: status}
    def halt(conn), do: %{conn | halted: true}
  end
end

Code.require_file("signature.ex")
Code.require_file("receiver.ex")
:ets.new(:inbox, [:named_table, :public])
path = "/hooks/tidings"

make = fn headers, body ->
  conn =
    if real_plug?,
      do: apply(Plug.Test, :conn, ["POST", path, body]),
      else: struct!(Plug.Conn, method: "POST", request_path: path, body: body)

  %{conn | req_headers: headers}
end

for line <- IO.read(:stdio, :all) |> String.trim_trailing("\n") |> String.split("\n") do
  [secret, standard_secret, body | rest] = line |> String.split("\t") |> Enum.map(&Base.decode64!/1)
  headers = for [name, value] <- Enum.chunk_every(rest, 2), do: {name, value}
  plain = MyApp.TidingsSignature.plain_valid?(secret, headers, body)
  Application.put_env(:my_app, :webhook_secret, standard_secret)
  before = :ets.info(:inbox, :size)
  options = MyApp.TidingsReceiver.init(path: path)
  %{status: status, halted: true} = MyApp.TidingsReceiver.call(make.(headers, body), options)
  IO.puts("#{plain} #{status} #{:ets.info(:inbox, :size) > before}")
end
