// All that plugins use: import { … } from "@timeline-studio/assemblyscript".
export * from "./assembly/index";
