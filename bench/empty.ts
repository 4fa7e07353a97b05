/** An empty program: what a start costs whatever it starts. */
export {};
