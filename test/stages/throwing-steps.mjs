// Loaded before a stage: each of its steps throws, for how long a step has worked can not be measured.
process.threadCpuUsage = () => {
  throw new TypeError('made to throw');
};
