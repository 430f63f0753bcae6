import { createPinnedSender } from "../../../lib/outbound/pinned_sender.ts";
import { testSenderContract } from "./sender_contract.ts";

testSenderContract("pinned", { make: createPinnedSender, bad_chunk: "protocol" });
