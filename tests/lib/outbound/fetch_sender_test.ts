import { createFetchSender } from "../../../lib/outbound/fetch_sender.ts";
import { testSenderContract } from "./sender_contract.ts";

testSenderContract("fetch", {
  make({ policy, resolver, clock, ca }) {
    const client = Deno.createHttpClient({ caCerts: [...ca] });
    const sender = createFetchSender({ policy, resolver, clock, init: { client } });
    return {
      post: sender.post,
      async close(): Promise<void> {
        await sender.close();
        client.close();
      },
    };
  },
  bad_chunk: "reset",
});
