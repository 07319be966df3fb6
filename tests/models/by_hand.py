"""The three models in NumPy and float64, from the equations of the paper, for any weights."""

import numpy as np


def randomise(model, seed=3, scale=1.0):
    """Give every weight of a model, biases too, a value that carries signal; return them by layer."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(generator.normal(0, scale, weight.shape))
    return {layer.name: [np.float64(array) for array in layer.get_weights()] for layer in model.layers}


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def relu(vector):
    return np.maximum(vector, 0)


def hidden_layers(weights, vector, activation=relu):
    number = 1
    while f"layer{number}" in weights:
        kernel, bias = weights[f"layer{number}"]
        vector = activation(vector @ kernel + bias)
        number += 1
    return vector


def output(weights, vector):
    kernel, bias = weights["prediction"]
    return sigmoid(vector @ kernel + bias)[:, 0]


def gmf(weights, users, items):
    """Equation 9: sigmoid(h . (p_u * q_i) + b)."""
    return output(weights, weights["user_embedding"][0][users] * weights["item_embedding"][0][items])


def mlp(weights, users, items, activation=relu):
    """Equation 10: hidden layers over [p_u, q_i], users first."""
    vector = np.hstack([weights["user_embedding"][0][users], weights["item_embedding"][0][items]])
    return output(weights, hidden_layers(weights, vector, activation))


def neumf(weights, users, items, activation=relu):
    """Equation 12: the GMF part first, then the last hidden layer of the MLP part."""
    product = weights["mf_embedding_user"][0][users] * weights["mf_embedding_item"][0][items]
    tower = np.hstack([weights["mlp_embedding_user"][0][users], weights["mlp_embedding_item"][0][items]])
    return output(weights, np.hstack([product, hidden_layers(weights, tower, activation)]))
