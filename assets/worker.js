// Starts the app's own module in a worker. The page's first message says where the module lies; from then on the module
// itself listens.
onmessage = async ({ data }) => {
  const module = await import(data.script);
  await module.default({ module_or_path: data.module });
};
