"""The demo site: a coffee roaster's web site with the widget in it, served from another origin than the chat server.

It stands for a customer's site, so it knows nothing of the chat server but its address: `python -m
chatserver.serving.demo_site`, which `manage.py serve` runs. What its pages say is also what the demo's assistant
answers from.
"""
