// What the host calls. A plugin's entry hands it on: export * from "@timeline-studio/assemblyscript/exports".
export * from "./assembly/exports";
