#!/usr/bin/env node
// The same from JavaScript (Node 18 or later, or a page on http://localhost:3000): returns the result's body.
async function generateImage(prompt) {
  // Créer la tâche
  const createResponse = await fetch('http://localhost:9006/api/images/generate', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      prompt,
      num_images: 1,
      size: '1024x1024',
      format: 'PNG',
      quality: 'high',
    }),
  });
  const { job_id } = await createResponse.json();

  // Polling du statut
  let status = 'PENDING';
  while (!['COMPLETED', 'FAILED'].includes(status)) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const statusResponse = await fetch(`http://localhost:9006/api/images/status/${job_id}`);
    const statusData = await statusResponse.json();
    status = statusData.status;
  }

  // Récupérer le résultat
  if (status === 'COMPLETED') {
    const resultResponse = await fetch(`http://localhost:9006/api/images/result/${job_id}`);
    return await resultResponse.json();
  }
  throw new Error('Image generation failed');
}

console.log(JSON.stringify(await generateImage(process.argv[2] ?? 'Un chat astronaute flottant'), null, 2));
