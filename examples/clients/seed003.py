#!/usr/bin/python3
"""Makes a picture through imago's /api/images routes: create, ask until it has ended, show what came out.

Needs python3-requests and a server on http://localhost:9006, as examples/quickstart starts it.
"""
import time

import requests

# URL de l'API
API_URL = "http://localhost:9006"

# 1. Créer une tâche de génération
response = requests.post(
    f"{API_URL}/api/images/generate",
    json={
        "prompt": "Un paysage de montagne majestueux au lever du soleil",
        "num_images": 1,
        "size": "1024x1024",
        "format": "PNG",
        "style": "photorealistic",
        "quality": "high"
    }
)
result = response.json()
job_id = result["job_id"]
print(f"✅ Tâche créée : {job_id}")

# 2. Vérifier le statut périodiquement
while True:
    status_response = requests.get(f"{API_URL}/api/images/status/{job_id}")
    status_data = status_response.json()
    print(f"📊 Statut : {status_data['status']} - {status_data['message']}")
    if status_data["status"] in ["COMPLETED", "FAILED"]:
        break
    time.sleep(2)

# 3. Récupérer les résultats
if status_data["status"] == "COMPLETED":
    result_response = requests.get(f"{API_URL}/api/images/result/{job_id}")
    result_data = result_response.json()
    print("\n🎨 Images générées :")
    for i, image in enumerate(result_data["images"], 1):
        print(f"\n  Image {i}:")
        print(f"    - Chemin : {image['file_path']}")
        print(f"    - URL : {image['url']}")
        print(f"    - Format : {image['format']}")
        print(f"    - Dimensions : {image['dimensions']}")
        print(f"    - Taille : {image['size_bytes'] / 1024:.2f} KB")
    metadata = result_data["metadata"]
    print("\n📊 Métadonnées :")
    print(f"    - Modèle : {metadata['model_name']}")
    print(f"    - Temps de génération : {metadata['generation_time_seconds']:.2f}s")
    print(f"    - Tokens utilisés : {metadata['input_tokens']}")
else:
    print(f"\n❌ Erreur : {status_data['message']}")
    for error in status_data.get("errors", []):
        print(f"    - {error}")
